//! The bytes of a request. All that is the same for every request of a client is written once; a request is
//! then a few copies into a buffer that is used again. Names, order and case are those of the standard
//! stack, so that the two differ in work and in nothing a server can see.

use wirecost_wire::decimal;

use super::super::headers;
use crate::target::Target;

const ACCEPT_ANYTHING: &[u8] = b"accept: */*\r\n";

/// The requests of one client.
#[derive(Debug)]
pub(super) struct Requests {
    /// The preset's headers, `connection` if any, `host`: the lines that every request has.
    always: Vec<u8>,
}

impl Requests {
    /// Requests to the target's server, with the headers that its arm says.
    pub fn new(target: &Target) -> Requests {
        let mut always = Vec::new();
        for (name, value) in headers::preset(target.arm.headers) {
            line(&mut always, name, value);
        }
        if !target.arm.keep_alive {
            line(&mut always, "connection", "close");
        }
        line(&mut always, "host", &target.address.to_string());
        Requests { always }
    }

    /// Appends a GET.
    pub fn get(&self, out: &mut Vec<u8>, path: &str, headers: &[(&str, &str)]) {
        self.begin(out, b"GET ", path, headers);
        out.extend_from_slice(b"\r\n");
    }

    /// Appends the head of a POST. Without a body reqwest leaves the length out, though RFC 9110 §8.6 would like it said.
    pub fn post(&self, out: &mut Vec<u8>, path: &str, headers: &[(&str, &str)], body_bytes: usize) {
        self.begin(out, b"POST ", path, headers);
        if body_bytes > 0 {
            out.extend_from_slice(b"content-length: ");
            decimal::push(out, body_bytes as u64);
            out.extend_from_slice(b"\r\n");
        }
        out.extend_from_slice(b"\r\n");
    }

    fn begin(&self, out: &mut Vec<u8>, method: &[u8], path: &str, headers: &[(&str, &str)]) {
        out.extend_from_slice(method);
        out.extend_from_slice(path.as_bytes());
        out.extend_from_slice(b" HTTP/1.1\r\n");
        let mut accept = ACCEPT_ANYTHING;
        for (name, value) in headers {
            line(out, name, value);
            if *name == "accept" {
                accept = b"";
            }
        }
        out.extend_from_slice(accept);
        out.extend_from_slice(&self.always);
    }
}

/// Appends one header line.
pub(super) fn line(out: &mut Vec<u8>, name: &str, value: &str) {
    for part in [name, ": ", value, "\r\n"] {
        out.extend_from_slice(part.as_bytes());
    }
}
