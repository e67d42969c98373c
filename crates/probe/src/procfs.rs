//! Reading the kernel's text tables: "name number" lines and the two-line tables of `/proc/net`. Nothing that knows
//! which file is which.

use std::io;

/// An error that names what was not found in which table.
pub(crate) fn missing(what: &str, table: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, format!("no {what} in {table}"))
}

/// The first number after `name` at the start of a line, as in `pswpin 12` or `Pss:   34 kB`.
pub(crate) fn number_after(text: &str, name: &str) -> Option<u64> {
    text.lines()
        .find_map(|line| line.strip_prefix(name).filter(|rest| rest.starts_with([' ', '\t'])))
        .and_then(|rest| rest.split_ascii_whitespace().next())
        .and_then(|number| number.parse().ok())
}

/// The value of `column` in the two-line table `section`, as in `/proc/net/snmp`: one line `Tcp: InSegs OutSegs`, then
/// one line `Tcp: 12 34`. Negative values (a few columns of `/proc/net/snmp` have them) read as absent.
pub(crate) fn column(text: &str, section: &str, column: &str) -> Option<u64> {
    let mut rows = text.lines().filter_map(|line| line.strip_prefix(section).and_then(|rest| rest.strip_prefix(':')));
    let (names, values) = (rows.next()?, rows.next()?);
    let place = names.split_ascii_whitespace().position(|name| name == column)?;
    values.split_ascii_whitespace().nth(place)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_found_by_its_whole_name() {
        let text = "pswpin 12\npswpinner 7\nPss:\t 34 kB\n";
        assert_eq!(number_after(text, "pswpin"), Some(12));
        assert_eq!(number_after(text, "Pss:"), Some(34));
        assert_eq!(number_after(text, "psw"), None);
    }

    #[test]
    fn a_column_is_found_by_section_and_name() {
        let text = "Ip: A B\nIp: 1 2\nTcp: B MaxConn\nTcp: 3 -1\nTcpExt: B\nTcpExt: 9\n";
        assert_eq!(column(text, "Ip", "B"), Some(2));
        assert_eq!(column(text, "Tcp", "B"), Some(3));
        assert_eq!(column(text, "TcpExt", "B"), Some(9));
        assert_eq!(column(text, "Tcp", "MaxConn"), None);
        assert_eq!(column(text, "Udp", "B"), None);
    }
}
