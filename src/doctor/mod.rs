//! `evenkeel doctor`: checks every part that must work for a nudge to arrive, and says what to fix.

mod checks;
mod database;
mod finding;
mod post;

use crate::app::{App, StartError, open_to_others};
use crate::chance::Chance;
use crate::clock::Clock;
use crate::config::{Config, Mode};
use crate::vault::keys::Keys;
use finding::{Finding, Mark};
use std::io::Write;

/// Writes findings as they come.
struct Report<'a> {
    out: &'a mut dyn Write,
    worst: Mark,
}

impl Report<'_> {
    fn note(&mut self, finding: &Finding) -> std::io::Result<()> {
        self.worst = self.worst.max(finding.mark);
        let mark = match finding.mark {
            Mark::Ok => "ok",
            Mark::Warn => "warn",
            Mark::Fail => "FAIL",
        };
        // One line each, even if an error's text has several.
        let sentence = finding.sentence.split_whitespace().collect::<Vec<_>>().join(" ");
        writeln!(self.out, "{mark:<4}  {:<10}{sentence}", finding.part)
    }

    fn note_all(&mut self, findings: &[Finding]) -> std::io::Result<()> {
        findings.iter().try_for_each(|finding| self.note(finding))
    }
}

/// Checks everything and writes a line for each part. With an address, it also sends a test push to each live device of
/// that account, and a test mail. Returns whether nothing failed.
///
/// # Errors
/// If the report cannot be written.
pub async fn run(config: &Config, send_to: Option<&str>, out: &mut dyn Write) -> Result<bool, StartError> {
    let mut report = Report { out, worst: Mark::Ok };
    let mode = match config.mode {
        Mode::Development => "development",
        Mode::Production => "production",
    };
    report.note(&Finding::ok("settings", format!("they are well-formed, for {mode}")))?;
    report.note(&match open_to_others(config) {
        None => Finding::ok("data", format!("only its owner can look into {}", config.data_dir.display())),
        Some(sentence) => Finding::fail("data", sentence),
    })?;
    let folder = config.data_dir.join("keys");
    let keys = Keys::load(&folder, &config.master);
    report.note(&checks::keys(&folder, keys.as_ref()))?;
    report.note_all(checks::ledger(&folder).as_slice())?;
    let keys = keys.ok();
    report.note_all(&database::check(config, keys.as_ref()).await)?;
    report.note_all(&checks::vapid(config, keys.as_ref()))?;
    report.note(&checks::zones())?;
    report.note(&checks::mail(config).await)?;
    report.note_all(&checks::signing(config))?;
    report.note(&checks::public_url(config))?;
    report.note_all(checks::proxies(config).as_slice())?;
    report.note_all(&checks::watching(config).await)?;
    if let Some(address) = send_to {
        match keys {
            // `App::build` migrates the database, which nobody asked for: a pending migration is a failure above.
            Some(keys) if report.worst < Mark::Fail => {
                let app = App::build(config, &keys, Clock::System, Chance::system())?;
                report.note_all(&post::send(&app, address).await)?;
            }
            Some(_) | None => {
                report.note(&Finding::fail("test", "nothing was sent: mend the above first"))?
            }
        }
    }
    Ok(report.worst < Mark::Fail)
}
