//! The two ways that a nudge can take.

use crate::domain::words;

words! {
    /// The way that a nudge takes.
    pub enum Channel {
        /// Web Push, to every live device.
        Push = "push",
        /// E-mail.
        Mail = "mail",
    }
}
