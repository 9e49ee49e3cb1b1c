//! Where the data lives.

/// Where the database is, from `DATABASE_URL`.
#[derive(Clone, PartialEq, Eq)]
pub enum Location {
    /// The path of a file.
    Sqlite(String),
    /// A connection URL, password included.
    Postgres(String),
    /// Two connection URLs of one database, passwords included.
    Pooled {
        /// Leads to a transaction pooler, which lends a connection of the server for one transaction at a time.
        pooler: String,
        /// Leads past it, for what outlives a transaction: migrations, their lock, and `LISTEN`.
        direct: String,
    },
}

/// For how long a connection keeps the server's session that it was given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pooling {
    /// For good: what is set or prepared there stays.
    Off,
    /// For one transaction: whatever outlives it reaches others, or is lost.
    Transaction,
}

/// Shows the backend only: a connection URL may hold a password.
impl std::fmt::Debug for Location {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.backend())
    }
}

impl Location {
    /// Reads a `DATABASE_URL`. Refuses unknown schemes: a mistyped one must not become a file name.
    pub fn parse(url: &str) -> Result<Self, String> {
        match url.split_once(':') {
            Some(("sqlite", path)) if !path.is_empty() => {
                Ok(Self::Sqlite(path.strip_prefix("//").unwrap_or(path).to_owned()))
            }
            // Checked here, since the client library quotes a URL that it cannot read, password included.
            Some(("postgres" | "postgresql", _)) if is_connection_url(url) => {
                Ok(Self::Postgres(url.to_owned()))
            }
            Some(("postgres" | "postgresql", _)) => {
                Err("this is not of the form postgres://USER:PASSWORD@HOST/NAME, \
                or HOST:PORT,HOST:PORT for several; write special characters in the password as %XX"
                    .to_owned())
            }
            _ => Err("the valid forms are sqlite:PATH and postgres://USER@HOST/NAME".to_owned()),
        }
    }

    /// The same database by way of a transaction pooler: this URL leads to the pooler, and `direct` past it.
    pub fn pooled(self, direct: &str) -> Result<Self, String> {
        match (self, Self::parse(direct)?) {
            (Self::Sqlite(_), _) => {
                Err("this is for PostgreSQL behind a transaction pooler, and database_url leads to SQLite"
                    .to_owned())
            }
            (_, Self::Sqlite(_)) => {
                Err("this must be of the form postgres://USER:PASSWORD@HOST/NAME, past the pooler".to_owned())
            }
            (Self::Postgres(pooler) | Self::Pooled { pooler, .. }, _) if pooler == direct => {
                Err("this must lead past the pooler, straight to PostgreSQL; database_url leads there too"
                    .to_owned())
            }
            (Self::Postgres(pooler) | Self::Pooled { pooler, .. }, _) => {
                Ok(Self::Pooled { pooler, direct: direct.to_owned() })
            }
        }
    }

    /// Where the same database is without the pooler.
    pub fn direct(&self) -> Self {
        match self {
            Self::Pooled { direct, .. } => Self::Postgres(direct.clone()),
            Self::Sqlite(_) | Self::Postgres(_) => self.clone(),
        }
    }

    /// Whether a pooler lies between.
    pub fn pooling(&self) -> Pooling {
        match self {
            Self::Pooled { .. } => Pooling::Transaction,
            Self::Sqlite(_) | Self::Postgres(_) => Pooling::Off,
        }
    }

    /// Whether it is a server rather than a file.
    pub fn is_postgres(&self) -> bool {
        match self {
            Self::Sqlite(_) => false,
            Self::Postgres(_) | Self::Pooled { .. } => true,
        }
    }

    /// The backend's name and the way there, for people.
    pub fn backend(&self) -> &'static str {
        match self {
            Self::Sqlite(_) => "SQLite",
            Self::Postgres(_) => "PostgreSQL",
            Self::Pooled { .. } => "PostgreSQL behind a transaction pooler",
        }
    }
}

/// Checked here, since the client library quotes a URL that it cannot read, password included.
fn is_connection_url(url: &str) -> bool {
    let each = |one: &str| url::Url::parse(one).is_ok_and(|parsed| parsed.path().matches('/').count() <= 1);
    whole_escapes(url) && for_each_host(url).iter().all(|one| each(one))
}

/// The URL with each of its hosts alone: `postgres://a:1,b:2/name` is not a URL to most libraries.
fn for_each_host(url: &str) -> Vec<String> {
    let Some((scheme, rest)) = url.split_once("://") else { return vec![url.to_owned()] };
    let (authority, tail) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
    let (user, hosts) = authority.rfind('@').map_or(("", authority), |at| authority.split_at(at + 1));
    hosts.split(',').map(|host| format!("{scheme}://{user}{host}{tail}")).collect()
}

/// What the client library is told unless the URL says otherwise: to give up on hosts that do not answer, to notice a
/// network that is gone, and to take the host that can be written to.
///
/// Startup parameters are not among them: a pooler refuses those that it does not know.
const DEFAULTS: &[(&str, &str)] = &[
    ("connect_timeout", "5"),
    ("keepalives_idle", "10"),
    ("keepalives_interval", "5"),
    ("keepalives_count", "3"),
    ("tcp_user_timeout", "15000"),
    ("application_name", "evenkeel"),
    (WRITABLE, "read-write"),
];
const WRITABLE: &str = "target_session_attrs";

/// A connection URL with the default parameters.
pub(super) fn with_defaults(url: &str, pooling: Pooling) -> String {
    let (base, query) = url.split_once('?').unwrap_or((url, ""));
    let said = |name: &str| query.split('&').any(|pair| pair.split('=').next() == Some(name));
    let mut pairs: Vec<_> = query.split('&').filter(|pair| !pair.is_empty()).map(str::to_owned).collect();
    // PgBouncer tells each client what its first server said of itself: one that was a standby then would be taken for one
    // for ever. Whether the server takes writes is asked of the server instead, once something fails.
    let fit = |name: &str| pooling == Pooling::Off || name != WRITABLE;
    pairs.extend(
        DEFAULTS
            .iter()
            .filter(|(name, _)| !said(name) && fit(name))
            .map(|(name, value)| format!("{name}={value}")),
    );
    format!("{base}?{}", pairs.join("&"))
}

/// Whether every `%` starts an escape of two hexadecimal digits.
fn whole_escapes(url: &str) -> bool {
    let two_digits = |rest: &str| rest.len() >= 2 && rest.bytes().take(2).all(|b| b.is_ascii_hexdigit());
    url.split('%').skip(1).all(two_digits)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn several_hosts_are_a_url_and_what_is_none_is_refused_without_its_password() {
        for url in [
            "postgres://evenkeel:secret@db.example.org/evenkeel",
            "postgresql://evenkeel@a.example.org:5432,b.example.org:5433/evenkeel?sslmode=require",
            "postgres://u:p%40ss@[::1]:5432,127.0.0.1/name",
            "postgres:///name?host=/run/postgresql",
        ] {
            assert!(Location::parse(url).is_ok(), "{url}");
        }
        for url in [
            "postgres://u:p@a:5432,b:port/name",
            "postgres://u:p@a:99999,b/name",
            "postgres://u:100%@a,b/name",
            "postgres://u:p@a,b/name/more",
        ] {
            let said = Location::parse(url).unwrap_err();
            assert!(said.contains("HOST:PORT,HOST:PORT") && !said.contains("u:p"), "{url}: {said}");
        }
    }

    #[test]
    fn what_the_url_says_is_not_said_again() {
        let plain = with_defaults("postgres://u@h/name", Pooling::Off);
        assert!(plain.starts_with("postgres://u@h/name?connect_timeout=5&") && plain.contains("read-write"));
        let pooled = with_defaults("postgres://u@h/name", Pooling::Transaction);
        assert!(
            pooled.contains("connect_timeout=5&") && !pooled.contains("target_session_attrs"),
            "{pooled}"
        );
        let own =
            with_defaults("postgres://u@h/name?connect_timeout=60&target_session_attrs=any", Pooling::Off);
        assert_eq!(
            (own.matches("connect_timeout").count(), own.matches("target_session_attrs").count()),
            (1, 1)
        );
        assert!(
            own.contains("connect_timeout=60") && own.contains("=any") && own.contains("keepalives_idle=10")
        );
    }
}
