//! What the host says of a failure, in words: the bindings' own `Display` writes Rust's notation.

use spin_sdk::variables;

/// Why a variable cannot be read.
pub fn variable(error: variables::Error) -> String {
    match error {
        variables::Error::InvalidName(text)
        | variables::Error::Undefined(text)
        | variables::Error::Provider(text)
        | variables::Error::Other(text) => first_line(text),
    }
}

/// Of the host's own text; further lines may be a backtrace.
pub fn first_line(text: String) -> String {
    match text.lines().next() {
        Some(first) if first.len() < text.len() => first.to_owned(),
        _ => text,
    }
}

/// Puts the error codes of `wasi:http` into words, which are the same in 0.2 and 0.3 although their types
/// are not.
macro_rules! words_for_error_codes {
    ($ErrorCode:ident) => {
        /// By its name in `wasi:http`, with what the host adds of its own.
        pub fn http(code: &$ErrorCode) -> String {
            let name = http_name(code);
            let added = match code {
                $ErrorCode::DnsError(error) => error.rcode.as_deref(),
                $ErrorCode::TlsAlertReceived(alert) => alert.alert_message.as_deref(),
                $ErrorCode::HttpResponseTransferCoding(text)
                | $ErrorCode::HttpResponseContentCoding(text)
                | $ErrorCode::InternalError(text) => text.as_deref(),
                _ => None,
            };
            match added {
                Some(added) => format!("{name}: {added}"),
                None => name.to_owned(),
            }
        }

        fn http_name(code: &$ErrorCode) -> &'static str {
            match code {
                $ErrorCode::DnsTimeout => "DNS timeout",
                $ErrorCode::DnsError(_) => "DNS error",
                $ErrorCode::DestinationNotFound => "destination not found",
                $ErrorCode::DestinationUnavailable => "destination unavailable",
                $ErrorCode::DestinationIpProhibited => "destination IP prohibited",
                $ErrorCode::DestinationIpUnroutable => "destination IP unroutable",
                $ErrorCode::ConnectionRefused => "connection refused",
                $ErrorCode::ConnectionTerminated => "connection terminated",
                $ErrorCode::ConnectionTimeout => "connection timeout",
                $ErrorCode::ConnectionReadTimeout => "connection read timeout",
                $ErrorCode::ConnectionWriteTimeout => "connection write timeout",
                $ErrorCode::ConnectionLimitReached => "connection limit reached",
                $ErrorCode::TlsProtocolError => "TLS protocol error",
                $ErrorCode::TlsCertificateError => "TLS certificate error",
                $ErrorCode::TlsAlertReceived(_) => "TLS alert received",
                $ErrorCode::HttpRequestDenied => "HTTP request denied",
                $ErrorCode::HttpRequestLengthRequired => "HTTP request length required",
                $ErrorCode::HttpRequestBodySize(_) => "HTTP request body size",
                $ErrorCode::HttpRequestMethodInvalid => "HTTP request method invalid",
                $ErrorCode::HttpRequestUriInvalid => "HTTP request URI invalid",
                $ErrorCode::HttpRequestUriTooLong => "HTTP request URI too long",
                $ErrorCode::HttpRequestHeaderSectionSize(_)
                | $ErrorCode::HttpRequestHeaderSize(_) => "HTTP request header size",
                $ErrorCode::HttpRequestTrailerSectionSize(_)
                | $ErrorCode::HttpRequestTrailerSize(_) => "HTTP request trailer size",
                $ErrorCode::HttpResponseIncomplete => "HTTP response incomplete",
                $ErrorCode::HttpResponseHeaderSectionSize(_)
                | $ErrorCode::HttpResponseHeaderSize(_) => "HTTP response header size",
                $ErrorCode::HttpResponseBodySize(_) => "HTTP response body size",
                $ErrorCode::HttpResponseTrailerSectionSize(_)
                | $ErrorCode::HttpResponseTrailerSize(_) => "HTTP response trailer size",
                $ErrorCode::HttpResponseTransferCoding(_) => "HTTP response transfer coding",
                $ErrorCode::HttpResponseContentCoding(_) => "HTTP response content coding",
                $ErrorCode::HttpResponseTimeout => "HTTP response timeout",
                $ErrorCode::HttpUpgradeFailed => "HTTP upgrade failed",
                $ErrorCode::HttpProtocolError => "HTTP protocol error",
                $ErrorCode::LoopDetected => "loop detected",
                $ErrorCode::ConfigurationError => "configuration error",
                $ErrorCode::InternalError(_) => "internal error",
            }
        }

        /// What there is instead of the head of storage's answer.
        ///
        /// Hosts report a connection that breaks before it as `HttpProtocolError`, the same as an answer
        /// that is not HTTP.
        pub fn transport(code: &$ErrorCode) -> $crate::error::TransportError {
            use $crate::error::TransportError;
            let text = http(code);
            match code {
                $ErrorCode::HttpRequestDenied | $ErrorCode::DestinationIpProhibited => {
                    TransportError::Denied(text)
                }
                $ErrorCode::ConnectionReadTimeout | $ErrorCode::HttpResponseTimeout => {
                    TransportError::FirstByteTimeout
                }
                $ErrorCode::DnsTimeout
                | $ErrorCode::DnsError(_)
                | $ErrorCode::DestinationNotFound => TransportError::Unresolved(text),
                $ErrorCode::DestinationUnavailable
                | $ErrorCode::DestinationIpUnroutable
                | $ErrorCode::ConnectionRefused => TransportError::Unreachable(text),
                $ErrorCode::ConnectionTimeout => TransportError::ConnectTimeout,
                $ErrorCode::ConnectionLimitReached => TransportError::ConnectionLimit,
                $ErrorCode::TlsProtocolError
                | $ErrorCode::TlsCertificateError
                | $ErrorCode::TlsAlertReceived(_) => TransportError::Tls(text),
                $ErrorCode::ConnectionTerminated
                | $ErrorCode::ConnectionWriteTimeout
                | $ErrorCode::HttpResponseIncomplete
                | $ErrorCode::HttpProtocolError
                | $ErrorCode::InternalError(_) => TransportError::Broken(text),
                _ => TransportError::Protocol(text),
            }
        }
    };
}

pub(crate) use words_for_error_codes;
