//! The check-up's findings on the database: it opens, fits this program and its key, takes writes, and agrees on the
//! time.

use super::finding::Finding;
use crate::chance::Chance;
use crate::clock::Clock;
use crate::config::Config;
use crate::domain::clock_doubt::{self as doubt, ClockWatch, DATABASE_MAX, Readings, ahead};
use crate::store::{Db, Location, Pooling, StoreError, checkup, clock_mark, house_secret, pooler};
use crate::vault::key_ring::KeyRing;
use crate::vault::keys::Keys;
use crate::vault::{Vault, VaultError};
use jiff::{SignedDuration, Timestamp};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

const PART: &str = "database";
/// How long all checks of the database may take.
const TIMEOUT: Duration = Duration::from_secs(15);
/// Clock differences above this are a warning; above [`DATABASE_MAX`] a worker does nothing.
const SKEW_WORD: SignedDuration = SignedDuration::from_secs(2);

/// Checks the database.
pub async fn check(config: &Config, keys: Option<&Keys>) -> Vec<Finding> {
    let (location, key_ring) = (config.database.clone(), keys.map(|keys| Arc::clone(&keys.master)));
    let (answer, answered) = tokio::sync::oneshot::channel();
    // A thread of its own that nobody joins: a connection attempt may hang for minutes.
    let look = move || drop(answer.send(look(&location, key_ring.as_ref())));
    if let Err(error) = std::thread::Builder::new().name("doctor".to_owned()).spawn(look) {
        return vec![Finding::fail(PART, format!("no thread could be started: {error}"))];
    }
    match tokio::time::timeout(TIMEOUT, answered).await {
        Ok(Ok(findings)) => findings,
        Ok(Err(_)) => vec![Finding::fail(PART, "the look at it broke off")],
        Err(_) => {
            let sentence = "it does not answer in time; check host and port in database_url, and the network";
            vec![Finding::fail(PART, sentence)]
        }
    }
}

fn look(location: &Location, key_ring: Option<&Arc<KeyRing>>) -> Vec<Finding> {
    if let Location::Sqlite(path) = location
        && !Path::new(path).exists()
    {
        let sentence = format!("there is none at {path} yet; evenkeel migrate makes it");
        return vec![Finding::fail(PART, sentence)];
    }
    let mut db = match Db::open(&location.direct()) {
        Ok(db) => db,
        Err(error) => return vec![Finding::fail(PART, format!("it does not open: {error}"))],
    };
    if let Err(StoreError::Misdirected(sentence)) = pooler::refuse_unnamed(&mut db, location) {
        return vec![Finding::fail(PART, sentence)];
    }
    let mut findings =
        look_inside(&mut db, location.backend(), key_ring).unwrap_or_else(|error| vec![unanswered(error)]);
    findings.extend(through_pooler(&mut db, location));
    findings
}

fn unanswered(error: StoreError) -> Finding {
    match pooler::explained(error) {
        StoreError::Misdirected(sentence) => Finding::fail(PART, sentence),
        error => Finding::fail(PART, format!("it does not answer: {error}")),
    }
}

/// Whether the pooler, if the settings name one, leads to the same database.
fn through_pooler(direct: &mut Db, location: &Location) -> Option<Finding> {
    if location.pooling() == Pooling::Off {
        return None;
    }
    Some(match pooler::refuse_other_database(direct, location) {
        Ok(()) => Finding::ok(
            "pooler",
            "database_url leads through it to the same database; database_direct_url leads past it, for migrations and \
             notifications",
        ),
        Err(StoreError::Misdirected(sentence)) => Finding::fail("pooler", sentence),
        Err(error) => Finding::fail("pooler", format!("database_url leads to none that answers: {error}")),
    })
}

fn look_inside(
    db: &mut Db,
    backend: &str,
    key_ring: Option<&Arc<KeyRing>>,
) -> Result<Vec<Finding>, StoreError> {
    let schema = checkup::schema(db)?;
    if schema.unknown > 0 {
        let sentence = "a later version of Evenkeel has been here; run that one, or put a backup back";
        return Ok(vec![Finding::fail(PART, sentence)]);
    }
    if schema.pending > 0 {
        let sentence = format!("{} migrations did not run yet; run evenkeel migrate", schema.pending);
        return Ok(vec![Finding::fail(PART, sentence)]);
    }
    let mut findings = vec![match checkup::try_write(db, Clock::System.now().into()) {
        Ok(()) => Finding::ok(PART, format!("{backend} opens, is up to date and takes writes")),
        Err(error) => Finding::fail(
            PART,
            format!("it takes no writes: {error}; check the disk, and the rights of its user"),
        ),
    }];
    if let Some(key_ring) = key_ring {
        findings.push(match house_secret::find(db)? {
            Some(secret) => master(key_ring, &secret),
            None => Finding::ok("keys", "nothing is sealed in the database yet"),
        });
    }
    let before = Clock::System.now();
    let server = checkup::server_clock(db)?;
    findings.push(match server {
        Some(server) => clocks(server.get(), before, Clock::System.now()),
        None => Finding::ok("clock", format!("this machine's alone counts; it says {before}")),
    });
    findings.push(steps(&Clock::System, clock_mark::find(db)?.as_ref()));
    Ok(findings)
}

/// Whether the master key opens what the database holds, and is the newest one.
fn master(key_ring: &Arc<KeyRing>, secret: &[u8]) -> Finding {
    let in_force =
        Vault::open(Arc::clone(key_ring), secret, Chance::system()).and_then(|_| Vault::in_force(secret));
    match in_force {
        Ok(id) if id == key_ring.newest() => {
            Finding::ok("keys", format!("the master key, {id}, fits the database"))
        }
        Ok(id) => Finding::warn(
            "keys",
            format!(
                "a rotation from master key {id} to {} is not finished; run evenkeel keys rotate",
                key_ring.newest()
            ),
        ),
        Err(VaultError::MissingKey(_, id)) => Finding::fail(
            "keys",
            format!(
                "master.key is not the one that the database was sealed with, which is {id}; put the right one back"
            ),
        ),
        Err(error) => Finding::fail("keys", format!("the database is damaged, put a backup back: {error}")),
    }
}

/// Compares the wall clock with the boot-time clock and with the last moment at which a worker's clocks agreed (R38).
fn steps(clock: &Clock, mark: Option<&doubt::Mark>) -> Finding {
    let now = Readings { wall: clock.now(), boot: clock.boot(), database: None };
    match ClockWatch::begin(&now, &clock.boot_id(), mark).judge(&now) {
        Ok(()) => {
            Finding::ok("time", "the clock has not been put forward or back since a worker last looked")
        }
        Err(doubt) => Finding::fail(
            "time",
            format!(
                "{doubt}: workers send, end and erase nothing. Set the clock right, and they go on at once; if it is right \
                 now, ten minutes after it was set"
            ),
        ),
    }
}

/// Compares the server's clock with ours, which was read before and after asking.
fn clocks(server: Timestamp, before: Timestamp, after: Timestamp) -> Finding {
    let skew = ahead(server, before, after).abs();
    let told = format!("this machine's and PostgreSQL's differ by {:.1} s", skew.as_secs_f64());
    if skew > DATABASE_MAX {
        let sentence =
            format!("{told}; until both follow a time server, workers send, end and erase nothing");
        Finding::fail("clock", sentence)
    } else if skew > SKEW_WORD {
        Finding::warn("clock", format!("{told}; let both follow a time server"))
    } else {
        Finding::ok("clock", told)
    }
}

#[cfg(test)]
mod tests {
    use super::super::Mark;
    use super::*;

    #[test]
    fn r38_a_clock_that_was_put_forward_since_a_worker_looked_is_a_failure() {
        let now: Timestamp = "2026-10-24T18:00:00Z".parse().unwrap();
        let clock = Clock::simulated(now);
        let mark = doubt::Mark {
            wall: now,
            boot_id: clock.boot_id(),
            boot: clock.boot(),
            advance: SignedDuration::ZERO,
        };
        assert_eq!((steps(&clock, None).mark, steps(&clock, Some(&mark)).mark), (Mark::Ok, Mark::Ok));
        clock.set(now + SignedDuration::from_hours(48));
        assert_eq!(steps(&clock, Some(&mark)).mark, Mark::Ok, "after a suspension");
        clock.step_wall(SignedDuration::from_hours(96));
        let finding = steps(&clock, Some(&mark));
        assert_eq!(finding.mark, Mark::Fail);
        assert!(finding.sentence.contains("put forward by 345600 s"), "{}", finding.sentence);
        assert_eq!(steps(&clock, None).mark, Mark::Ok, "nothing is known");
    }

    #[test]
    fn clocks_may_differ_by_as_long_as_asking_took_and_a_little() {
        let before: Timestamp = "2026-10-24T18:00:00Z".parse().unwrap();
        let second = |n: i64| before + SignedDuration::from_secs(n);
        for (server, after, mark) in [
            (second(0), second(0), Mark::Ok),
            (second(9), second(10), Mark::Ok),
            (second(-2), second(1), Mark::Ok),
            (second(-3), second(1), Mark::Warn),
            (second(4), second(1), Mark::Warn),
            (second(6), second(1), Mark::Warn),
            (second(7), second(1), Mark::Fail),
            (second(-6), second(1), Mark::Fail),
        ] {
            assert_eq!(clocks(server, before, after).mark, mark, "{server} {after}");
        }
    }
}
