//! The SHA-256 of an image (FIPS 180-4), as a record, storage and a client write it.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha2::Digest as _;

/// The SHA-256 of an image's bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sha256([u8; 32]);

impl Sha256 {
    /// The one that a record's hash is: 64 hexadecimal digits, which `sha256:` may precede.
    #[must_use]
    pub fn of_hash(hash: &[u8]) -> Option<Self> {
        let digits = hash.strip_prefix(b"sha256:").unwrap_or(hash);
        let mut digest = [0; 32];
        hex::decode_to_slice(digits, &mut digest).ok()?;
        Some(Self(digest))
    }

    /// That of these bytes.
    #[must_use]
    pub fn of_bytes(bytes: &[u8]) -> Self {
        Self(sha2::Sha256::digest(bytes).into())
    }

    /// In 64 hexadecimal digits, lower case.
    #[must_use]
    pub fn to_hex(self) -> String {
        hex::encode(self.0)
    }

    /// In base64 with padding (RFC 4648 section 4).
    #[must_use]
    pub fn to_base64(self) -> String {
        STANDARD.encode(self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const EMPTY: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

    #[test]
    fn a_hash_of_64_hexadecimal_digits_is_a_sha_256_also_with_its_name_before_it() {
        for hash in [
            EMPTY.to_owned(),
            EMPTY.to_uppercase(),
            format!("sha256:{EMPTY}"),
        ] {
            let sha256 = Sha256::of_hash(hash.as_bytes());
            assert_eq!(sha256, Some(Sha256::of_bytes(b"")), "{hash}");
        }
    }

    #[test]
    fn a_hash_of_another_kind_is_none() {
        for hash in [
            "",
            "abc",
            &EMPTY[1..],
            &format!("{EMPTY}0"),
            &format!("g{}", &EMPTY[1..]),
            &format!("sha512:{EMPTY}"),
            &format!("sha256:{}", &EMPTY[1..]),
            &format!("sha256:sha256:{EMPTY}"),
            // MD5, and SHA-1.
            "d41d8cd98f00b204e9800998ecf8427e",
            "da39a3ee5e6b4b0d3255bfef95601890afd80709",
        ] {
            assert_eq!(Sha256::of_hash(hash.as_bytes()), None, "{hash}");
        }
    }

    #[test]
    fn in_hexadecimal_digits_it_is_the_hash_of_a_record() {
        assert_eq!(Sha256::of_bytes(b"").to_hex(), EMPTY);
    }

    #[test]
    fn in_base64_it_is_what_storage_and_clients_write() {
        assert_eq!(
            Sha256::of_bytes(b"").to_base64(),
            "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="
        );
    }
}
