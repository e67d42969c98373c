//! Request headers beyond the necessary ones, by preset. What a browser adds is the larger part of what
//! polling costs in practice, so it is a parameter and never an accident.

use wirecost_model::scenario::Headers;

/// A same-origin fetch of a desktop browser, with one session cookie. Typical names and lengths; they
/// identify nobody. `Accept-Encoding` is left out because the answers here are never compressed, and
/// `Host` and `Connection` because libraries write them.
const BROWSER: &[(&str, &str)] = &[
    ("user-agent", "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36"),
    ("accept-language", "en-GB,en;q=0.9"),
    ("referer", "http://localhost/app"),
    ("sec-fetch-dest", "empty"),
    ("sec-fetch-mode", "cors"),
    ("sec-fetch-site", "same-origin"),
    ("sec-ch-ua", "\"Chromium\";v=\"140\", \"Not=A?Brand\";v=\"24\""),
    ("sec-ch-ua-mobile", "?0"),
    ("sec-ch-ua-platform", "\"Linux\""),
    ("cookie", "session=4d2f7c0a9be84c35a1f6d8e07b93c5421f0e6a7d"),
];

/// The headers of a preset, name and value.
pub fn preset(headers: Headers) -> &'static [(&'static str, &'static str)] {
    match headers {
        Headers::Minimal => &[],
        Headers::Browser => BROWSER,
    }
}
