//! The two ways that a nudge can take.

use crate::domain::words;

words! {
    /// How a message is sent. More may be added.
    pub enum Channel {
        /// Web Push, to every registered device.
        Push = "push",
        /// E-mail.
        Mail = "mail",
    }
}
