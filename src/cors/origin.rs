//! An origin that the operator lists, as browsers write it into `Origin`: the two are compared byte by
//! byte, so what no browser writes is refused.

use http::HeaderValue;
use http::uri::Authority;

/// Lower-case, without a slash at the end and without the scheme's own port
/// (HTML Standard, "ASCII serialization of an origin").
pub(super) fn parse(text: &str) -> Option<HeaderValue> {
    let text = text.trim().to_ascii_lowercase();
    let origin = text.strip_suffix('/').unwrap_or(&text);
    let (scheme, authority) = origin.split_once("://")?;
    let authority: Authority = authority.parse().ok()?;
    let (host, port) = authority
        .as_str()
        .split_at_checked(authority.host().len())?;
    let own_port: &[u8] = match scheme {
        "http" => b":80",
        "https" => b":443",
        _ => b"",
    };
    let (scheme, host, port) = (scheme.as_bytes(), host.as_bytes(), port.as_bytes());
    if !(is_scheme(scheme) && is_host(host) && is_port(port)) {
        return None;
    }
    let origin = origin.as_bytes();
    let without_port = origin.strip_suffix(own_port).filter(|_| port == own_port);
    HeaderValue::from_bytes(without_port.unwrap_or(origin)).ok()
}

/// RFC 3986 section 3.1, in lower case.
fn is_scheme(text: &[u8]) -> bool {
    let is_scheme_byte = |byte: &u8| byte.is_ascii_alphanumeric() || b"+-.".contains(byte);
    text.first().is_some_and(u8::is_ascii_alphabetic) && text.iter().all(is_scheme_byte)
}

/// Nothing, or a colon and a number that is not zero.
fn is_port(text: &[u8]) -> bool {
    match text {
        [] => true,
        [b':', digits @ ..] => digits != b"0" && is_decimal(digits, 65_535),
        _ => false,
    }
}

/// As the URL Standard writes it ("host serializing").
fn is_host(text: &[u8]) -> bool {
    match text {
        [b'[', address @ .., b']'] => is_ipv6(address),
        _ => is_name_or_ipv4(text),
    }
}

/// To a browser, what ends in a number is an IPv4 address (URL Standard, "ends in a number checker").
fn is_name_or_ipv4(text: &[u8]) -> bool {
    let is_name_byte = |byte: &u8| byte.is_ascii_alphanumeric() || b"-._".contains(byte);
    let last = text
        .strip_suffix(b".")
        .unwrap_or(text)
        .rsplit(|byte| *byte == b'.')
        .next();
    let ends_in_number = last.is_some_and(|last| match last.strip_prefix(b"0x") {
        Some(digits) => digits.iter().all(u8::is_ascii_hexdigit),
        None => last.iter().all(u8::is_ascii_digit),
    });
    if ends_in_number {
        let mut parts = text.split(|byte| *byte == b'.');
        (0..4).all(|_| parts.next().is_some_and(|part| is_decimal(part, 255)))
            && parts.next().is_none()
    } else {
        text.iter().all(is_name_byte)
    }
}

/// Lower-case, without leading zeros, and shortened if it can be (RFC 5952 section 4).
fn is_ipv6(text: &[u8]) -> bool {
    let (mut groups, mut empty, mut zeros, mut longest) = (0, 0, 0, 0);
    for group in text.split(|byte| *byte == b':') {
        groups += 1;
        match group {
            [] => empty += 1,
            [b'0'] => zeros += 1,
            [b'0', ..] => return false,
            _ => zeros = 0,
        }
        longest = longest.max(zeros);
        if group.len() > 4 || !group.iter().all(u8::is_ascii_hexdigit) {
            return false;
        }
    }
    match empty {
        0 => groups == 8 && longest < 2,
        _ => (3..=8).contains(&groups),
    }
}

/// Without a sign and without leading zeros. Never inlined, since its copies would grow the `.wasm`.
#[inline(never)]
fn is_decimal(text: &[u8], most: u32) -> bool {
    let is_plain = matches!(text, [b'0'] | [b'1'..=b'9', ..]) && text.len() <= 5;
    let next = |number: u32, digit: &u8| match digit {
        b'0'..=b'9' => Some(number * 10 + u32::from(digit - b'0')),
        _ => None,
    };
    is_plain
        && text
            .iter()
            .try_fold(0, next)
            .is_some_and(|number| number <= most)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_becomes_what_browsers_send() {
        for (text, sent) in [
            ("https://app.example", "https://app.example"),
            (" https://app.example\t", "https://app.example"),
            ("https://app.example/", "https://app.example"),
            ("HTTPS://App.Example", "https://app.example"),
            ("https://app.example:443", "https://app.example"),
            ("https://app.example:443/", "https://app.example"),
            ("http://app.example:80", "http://app.example"),
            ("https://app.example:80", "https://app.example:80"),
            ("http://app.example:443", "http://app.example:443"),
            ("https://app.example:8443/", "https://app.example:8443"),
            ("http://localhost:1", "http://localhost:1"),
            ("http://localhost:65535", "http://localhost:65535"),
            ("https://app.example.", "https://app.example."),
            ("https://my_app.local", "https://my_app.local"),
            (
                "https://xn--bcher-kva.example",
                "https://xn--bcher-kva.example",
            ),
            ("https://4.example", "https://4.example"),
            ("http://127.0.0.1:4200", "http://127.0.0.1:4200"),
            ("http://[::1]:4200", "http://[::1]:4200"),
            ("http://[::1]:80", "http://[::1]"),
            ("http://[::]", "http://[::]"),
            (
                "http://[2001:DB8::1:0:0:1]:8080",
                "http://[2001:db8::1:0:0:1]:8080",
            ),
            (
                "http://[2001:db8:0:1:2:3:4:5]",
                "http://[2001:db8:0:1:2:3:4:5]",
            ),
            ("http://[::ffff:c000:201]", "http://[::ffff:c000:201]"),
            ("capacitor://localhost", "capacitor://localhost"),
            ("chrome-extension://abcdef", "chrome-extension://abcdef"),
        ] {
            let origin = parse(text);

            assert_eq!(origin, Some(HeaderValue::from_static(sent)), "{text:?}");
        }
    }

    #[test]
    fn what_no_browser_sends_is_refused() {
        for text in [
            "",
            "*",
            "null",
            "app.example",
            "//app.example",
            "https:app.example",
            "https:/app.example",
            "://app.example",
            "1a://app.example",
            "https://",
            "https:///",
            "https://app.example//",
            "https://app.example/path",
            "https://app.example?query",
            "https://app.example/?query",
            "https://app.example#fragment",
            "https://*.example",
            "https://a b",
            "https://user@app.example",
            "https://user:password@app.example",
            "https://app.example@app.example",
            "https://@app.example",
            "https://a:",
            "https://a:/",
            "https://:443",
            "https://a:0",
            "https://a:00443",
            "https://b:99999",
            "https://b:65536",
            "https://b:99999999999999999999",
            "https://b:+443",
            "https://b:-1",
            "https://b:443:443",
            "https://b:port",
            "https://bücher.example",
            "https://b%C3%BCcher.example",
            "http://127.1",
            "http://2130706433",
            "http://127.0.0.01",
            "http://127.0.0.256",
            "http://127.0.0.1.",
            "http://127.0.0.0x1",
            "http://::1",
            "http://[]",
            "http://[::1",
            "http://[::1%25lo]",
            "http://[zz]",
            "http://[1:2:3]",
            "http://[12345::]",
            "http://[::0001]",
            "http://[0:0:0:0:0:0:0:1]",
            "http://[1:2:3:4:5:6:7:8:9]",
            "http://[::ffff:192.0.2.1]",
            "http://[::1]x",
            "http://[127.0.0.1]",
            "http://a[::1]",
        ] {
            assert_eq!(parse(text), None, "{text:?}");
        }
    }
}
