//! The machine's tz database: where it is, and which version.

use crate::domain::zone_rules::{RulesVersion, ZoneRules};
use jiff::tz::TimeZoneDatabase;
use std::path::{Path, PathBuf};

/// Where systems keep it, unless `TZDIR` names another folder.
const FOLDER: &str = "/usr/share/zoneinfo";

/// A zone that every tz database has.
const PROBE: &str = "Europe/Berlin";

/// Chooses the newer of this program's zone rules and the machine's, for this process.
pub fn choose() {
    let folder = std::env::var_os("TZDIR").map_or_else(|| PathBuf::from(FOLDER), PathBuf::from);
    ZoneRules::choose(read(&folder));
}

/// The tz database in a folder with its version; None: there is none, or nothing there tells its version.
fn read(folder: &Path) -> Option<(RulesVersion, TimeZoneDatabase)> {
    let version = version(folder)?;
    let database = TimeZoneDatabase::from_dir(folder).ok()?;
    // A folder may tell a version and hold no zones: where the program's own are used, some systems leave them out.
    database.get(PROBE).is_ok().then_some((version, database))
}

/// What the files beside the zones say: `tzdata.zi` begins with `# version 2025b`, and `+VERSION` holds nothing else.
fn version(folder: &Path) -> Option<RulesVersion> {
    let first = |name: &str| {
        let text = std::fs::read(folder.join(name)).ok()?;
        let line = text.split(|byte| *byte == b'\n').next()?;
        String::from_utf8(line.to_vec()).ok()
    };
    let in_source = || first("tzdata.zi")?.strip_prefix("# version ").and_then(RulesVersion::parse);
    in_source().or_else(|| RulesVersion::parse(&first("+VERSION")?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_is_where_systems_write_it() {
        let folder = tempfile::tempdir().unwrap();
        let found = || version(folder.path()).map(|version| version.to_string());
        assert_eq!(found(), None);
        std::fs::write(folder.path().join("+VERSION"), "2024a\n").unwrap();
        assert_eq!(found().as_deref(), Some("2024a"));
        std::fs::write(folder.path().join("tzdata.zi"), "# version 2025b\n# This zic input file").unwrap();
        assert_eq!(found().as_deref(), Some("2025b"));
        std::fs::write(folder.path().join("tzdata.zi"), "# version unknown\n").unwrap();
        assert_eq!(found().as_deref(), Some("2024a"));
        assert!(read(folder.path()).is_none(), "a version without zones is none");
    }
}
