//! Where the data lives.

/// Where the database is, from `DATABASE_URL`.
#[derive(Clone, PartialEq, Eq)]
pub enum Location {
    /// The path of a file.
    Sqlite(String),
    /// A connection URL, password included.
    Postgres(String),
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
            Some(("postgres" | "postgresql", _)) => match url::Url::parse(url) {
                Ok(parsed) if parsed.path().matches('/').count() <= 1 && whole_escapes(url) => {
                    Ok(Self::Postgres(url.to_owned()))
                }
                Ok(_) | Err(_) => Err("this is not of the form postgres://USER:PASSWORD@HOST/NAME; \
                    write special characters in the password as %XX"
                    .to_owned()),
            },
            _ => Err("the valid forms are sqlite:PATH and postgres://USER@HOST/NAME".to_owned()),
        }
    }

    /// The backend's name, for people.
    pub fn backend(&self) -> &'static str {
        match self {
            Self::Sqlite(_) => "SQLite",
            Self::Postgres(_) => "PostgreSQL",
        }
    }
}

/// Whether every `%` starts an escape of two hexadecimal digits.
fn whole_escapes(url: &str) -> bool {
    let two_digits = |rest: &str| rest.len() >= 2 && rest.bytes().take(2).all(|b| b.is_ascii_hexdigit());
    url.split('%').skip(1).all(two_digits)
}
