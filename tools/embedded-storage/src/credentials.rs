use std::fmt;

/// The access key that storage accepts; its `Debug` form hides the secret.
#[derive(Clone, PartialEq, Eq)]
pub struct Credentials {
    /// Public part of the key, as it appears in a signature.
    pub access_key_id: String,
    /// Secret part, never sent.
    pub secret_access_key: String,
}

impl fmt::Debug for Credentials {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Credentials")
            .field("access_key_id", &self.access_key_id)
            .field("secret_access_key", &"(hidden)")
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_secret_is_not_in_the_debug_form() {
        let credentials = Credentials {
            access_key_id: "AKID".to_owned(),
            secret_access_key: "open sesame".to_owned(),
        };

        let shown = format!("{credentials:?}");

        assert!(shown.contains("AKID"));
        assert!(!shown.contains("sesame"));
    }
}
