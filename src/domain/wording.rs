//! The words that leave the house: the same for every push, discreet in every subject line, never explicit.

use super::negotiation::ContactWay;

/// The title of every push (R24).
pub const PUSH_TITLE: &str = "Reminder";
/// The text of every push (R24).
pub const PUSH_BODY: &str = "You have a reminder.";
/// The subject of every mail about a check-in.
pub const MAIL_SUBJECT: &str = "Your reminder";

/// What the partner is told (R13): the agreed action, never the answer.
pub fn welcome(action: ContactWay) -> &'static str {
    match action {
        ContactWay::Message => "a message would be welcome",
        ContactWay::Call => "a call would be welcome",
        ContactWay::Video => "a video call would be welcome",
        ContactWay::InPerson => "a visit would be welcome",
    }
}
