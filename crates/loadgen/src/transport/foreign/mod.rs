//! Clients of servers that are not ours. They follow a recipe of `wirecost_model::dialect` and know no dialect: polls in
//! `poll`, answers that go on in `stream`, WebSockets in `frames`. Socket.IO is the transport's own client, which takes the
//! names of events from the recipe.
//!
//! Whatever such a server says is somebody else's: bounded, checked, and quoted in errors so that one can see who answered.

pub mod frames;
pub mod poll;
pub mod stream;

use std::collections::VecDeque;
use std::rc::Rc;

use bytes::Bytes;
use wirecost_model::dialect::{self, Find, Recipe};
use wirecost_model::rng::Rng;
use wirecost_wire::find;

use crate::client::Context;
use crate::session::{Delivery, TransportError};

/// How much of an unexpected answer an error quotes, characters.
const QUOTED: usize = 80;

/// Sessions of SockJS are named by the client; another lane of its chance than its phases.
const SESSION_LANE: u64 = 3 << 32;

/// The beginning of a body, as an error shows it.
pub(crate) fn quoted(body: &[u8]) -> String {
    let text = String::from_utf8_lossy(&body[..body.len().min(4 * QUOTED)]);
    let text: String = text.trim().chars().take(QUOTED).collect();
    text.escape_debug().to_string()
}

/// Whether somebody's web page has come instead of messages.
fn is_html(content_type: Option<&str>, body: &[u8]) -> bool {
    let begins =
        |text: &[u8], with: &str| text.get(..with.len()).is_some_and(|start| start.eq_ignore_ascii_case(with.as_bytes()));
    let body = body.trim_ascii_start();
    content_type.is_some_and(|kind| begins(kind.as_bytes(), "text/html"))
        || begins(body, "<!doctype html")
        || begins(body, "<html")
}

/// A template that belongs to one client, filled in.
pub(super) fn filled(context: &Context, template: &str) -> Result<String, TransportError> {
    let value = |name: &str| match name {
        "room" => Some(context.script.room(context.number)),
        "session" => {
            let mut chance = Rng::new(context.seed, SESSION_LANE + u64::from(context.number));
            Some(format!("{:016x}", chance.next_u64()))
        }
        _ => None,
    };
    dialect::fill(template, value).ok_or_else(|| TransportError::Unexpected(format!("`{template}` has parts without a value")))
}

/// Finds messages in what comes.
#[derive(Debug)]
pub(super) struct Finder {
    recipe: Rc<Recipe>,
}

impl Finder {
    pub fn new(recipe: Rc<Recipe>) -> Finder {
        Finder { recipe }
    }

    /// Appends the messages of a body, an event or a frame, and says how many.
    pub fn find(
        &self,
        content_type: Option<&str>,
        unit: &Bytes,
        out: &mut VecDeque<Delivery<'static>>,
    ) -> Result<usize, TransportError> {
        if is_html(content_type, unit) {
            return Err(TransportError::Malformed(format!("HTML where messages were expected: {}", quoted(unit))));
        }
        let before = out.len();
        if self.recipe.sockjs {
            self.sockjs(unit, out)?;
            return Ok(out.len() - before);
        }
        match &self.recipe.find {
            Find::Whole if unit.is_empty() => {}
            Find::Whole => out.push_back(Delivery::shared(unit.clone())),
            Find::Lines => {
                let lines = unit.split(|&byte| byte == b'\n').map(<[u8]>::trim_ascii).filter(|line| !line.is_empty());
                out.extend(lines.map(|line| Delivery::shared(unit.slice_ref(line))));
            }
            Find::Json(pointer) => {
                let texts = find::texts(unit, pointer)
                    .map_err(|error| TransportError::Malformed(format!("{error}, in {}", quoted(unit))))?;
                out.extend(texts.into_iter().map(|text| Delivery::shared(Bytes::from(text))));
            }
        }
        Ok(out.len() - before)
    }

    /// SockJS's frames: `o`, `h`, `a["…"]`, `c[…]`.
    fn sockjs(&self, frame: &Bytes, out: &mut VecDeque<Delivery<'static>>) -> Result<(), TransportError> {
        match frame.first() {
            Some(b'o' | b'h') | None => Ok(()),
            Some(b'a') => {
                let texts = find::texts(&frame[1..], "/*")
                    .map_err(|error| TransportError::Malformed(format!("{error}, in {}", quoted(frame))))?;
                out.extend(texts.into_iter().map(|text| Delivery::shared(Bytes::from(text))));
                Ok(())
            }
            Some(b'c') => Err(TransportError::Refused(quoted(frame))),
            Some(_) => Err(TransportError::Malformed(format!("no frame of SockJS: {}", quoted(frame)))),
        }
    }
}

/// The recipe of a client whose target has one.
pub(super) fn recipe(context: &Context) -> Result<Rc<Recipe>, TransportError> {
    let foreign = context.target.foreign.as_ref();
    foreign
        .map(|foreign| Rc::new((*foreign.recipe).clone()))
        .ok_or_else(|| TransportError::Unexpected("the reference server needs no recipe".into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(recipe: Recipe, unit: &str) -> Result<Vec<String>, String> {
        let mut out = VecDeque::new();
        Finder::new(Rc::new(recipe)).find(None, &Bytes::from(unit.to_string()), &mut out).map_err(|error| error.to_string())?;
        Ok(out
            .into_iter()
            .map(|delivery| match delivery {
                Delivery::Message(payload) => String::from_utf8_lossy(&payload).into_owned(),
                other => format!("{other:?}"),
            })
            .collect())
    }

    #[test]
    fn messages_are_found_where_the_recipe_says() {
        let of = |find| Recipe { find, ..Recipe::default() };
        assert_eq!(found(of(Find::Whole), "abc").unwrap(), ["abc"]);
        assert!(found(of(Find::Whole), "").unwrap().is_empty());
        assert_eq!(found(of(Find::Lines), "a\r\n\nb\n").unwrap(), ["a", "b"]);
        assert_eq!(found(of(Find::Json("/d/*".into())), "{\"d\": [\"x\"]}").unwrap(), ["x"]);
        let sockjs = || Recipe { sockjs: true, ..Recipe::default() };
        assert_eq!(found(sockjs(), "a[\"x\",\"y\"]").unwrap(), ["x", "y"]);
        assert!(found(sockjs(), "h").unwrap().is_empty());
        assert!(found(sockjs(), "c[3000,\"Go away!\"]").unwrap_err().contains("Go away!"));
    }

    #[test]
    fn a_web_page_is_called_one() {
        for find in [Find::Whole, Find::Lines, Find::Json("/a".into())] {
            let error = found(Recipe { find, ..Recipe::default() }, "\n<!DOCTYPE html><title>Not found").unwrap_err();
            assert!(error.contains("HTML") && error.contains("Not found"), "{error}");
        }
        let error = found(Recipe { find: Find::Json("/a".into()), ..Recipe::default() }, "nonsense").unwrap_err();
        assert!(error.contains("not JSON") && error.contains("nonsense"), "{error}");
    }
}
