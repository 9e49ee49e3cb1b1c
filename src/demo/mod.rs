//! The demo: the story lived on a simulated clock, with a push service and a mail server of its own.

pub mod loopback;
pub mod push_receiver;
pub mod smtp_receiver;

/// Placeholder signature until the story stands.
pub async fn run(out: &mut dyn std::io::Write) -> Result<(), crate::app::StartError> {
    writeln!(out)?;
    Ok(())
}
