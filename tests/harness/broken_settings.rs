//! Values that no setting can be used with.

/// One for each setting that an image out of storage depends on, but `s3_endpoint`: the manifest lets no
/// app start whose `allowed_outbound_hosts` is not an origin.
pub const OF_AN_IMAGE: [(&str, &str); 16] = [
    ("s3_region", ""),
    ("s3_bucket", "a/b"),
    ("s3_addressing_style", "subdomain"),
    ("s3_access_key_id", ""),
    ("s3_secret_access_key", "with space"),
    ("s3_session_token", "line\nbreak"),
    ("s3_connect_timeout_ms", "0"),
    ("s3_first_byte_timeout_ms", "1s"),
    ("s3_between_bytes_timeout_ms", "-1"),
    ("s3_total_timeout_ms", "30s"),
    ("s3_max_attempts", "0"),
    ("client_timeout_ms", "0"),
    ("require_checksum", "yes"),
    ("metadata_store", "postgres"),
    ("max_image_bytes", "50MB"),
    ("cors_allowed_origins", "https://app.example/path"),
];
