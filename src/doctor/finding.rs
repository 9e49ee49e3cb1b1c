//! What a check found.

/// How bad a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Mark {
    /// As it should be.
    Ok,
    /// It works, but perhaps not as the operator expects.
    Warn,
    /// It does not work.
    Fail,
}

/// One line of the report.
#[derive(Debug)]
pub(super) struct Finding {
    pub(super) mark: Mark,
    pub(super) part: &'static str,
    pub(super) sentence: String,
}

impl Finding {
    pub(super) fn ok(part: &'static str, sentence: impl Into<String>) -> Self {
        Self { mark: Mark::Ok, part, sentence: sentence.into() }
    }

    pub(super) fn warn(part: &'static str, sentence: impl Into<String>) -> Self {
        Self { mark: Mark::Warn, part, sentence: sentence.into() }
    }

    pub(super) fn fail(part: &'static str, sentence: impl Into<String>) -> Self {
        Self { mark: Mark::Fail, part, sentence: sentence.into() }
    }
}
