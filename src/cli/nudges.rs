//! `nudges`: lists nudges that were given up, and retries them.

use super::setup::build;
use clap::Subcommand;
use evenkeel::actions::nudges::dead;
use evenkeel::app::StartError;
use evenkeel::config::Config;
use evenkeel::ids::NudgeId;

#[derive(Subcommand)]
pub(super) enum Command {
    /// List the nudges that spent their attempts, the latest first.
    Dead,
    /// Have dead nudges tried anew, once what kept them is mended. Everything is checked again when they are sent.
    Retry {
        /// Which; see `nudges dead`.
        #[arg(value_name = "NUDGE", required_unless_present = "all")]
        ids: Vec<NudgeId>,
        /// All that can still be of use.
        #[arg(long, conflicts_with = "ids")]
        all: bool,
    },
}

pub(super) async fn run(config: &Config, command: Command) -> Result<(), StartError> {
    let context = build(config)?.context;
    match command {
        Command::Dead => {
            let dead::Listed { nudges, more } = dead::list(&context).await?;
            for nudge in nudges {
                let (outcome, code) =
                    nudge.last.map_or(("never sent", None), |(end, code)| (end.word(), code));
                println!(
                    "{}  {} by {}, due {}, given up {} after {} attempts: {outcome}{}{}",
                    nudge.id,
                    nudge.kind.word(),
                    nudge.channel.word(),
                    nudge.due_at,
                    nudge.given_up_at,
                    nudge.attempts,
                    code.map(|code| format!(" {code}")).unwrap_or_default(),
                    if nudge.expired { "; its time is over" } else { "" },
                );
            }
            if more {
                println!("There are more; these are the latest {}.", dead::MOST);
            }
            Ok(())
        }
        Command::Retry { ids, all } => {
            let driven = dead::drive_again(&context, (!all).then_some(ids)).await;
            let driven =
                driven.map_err(|refusal| format!("the nudges were left as they are: {refusal:?}"))?;
            println!(
                "{} to go out now, {} left since their time is over, {} not found among the dead",
                driven.again, driven.expired, driven.unknown
            );
            if driven.more {
                println!("There are more than {}: run this again for the next ones.", dead::MOST);
            }
            Ok(())
        }
    }
}
