//! Help lines: telephone numbers and pages for people in need, per country, set by the operator.

use super::problem::{Checks, Problem, ProblemCode};

/// Maximum number of help lines.
pub const HELP_LINES_MAX: usize = 500;
/// Longest name or hours, in characters.
pub const TEXT_MAX: usize = 120;
/// Longest telephone number, in characters.
pub const PHONE_MAX: usize = 40;
/// Longest URL, in characters.
pub const URL_MAX: usize = 300;

/// Shown beside the help lines.
const SET: &str = "Whoever runs this service set these. Numbers and hours can change.";
/// Shown if there are none.
const NONE: &str = "Whoever runs this service has set no help lines here. Your doctor, somebody you trust, or in \
    danger the emergency number of your country can be the first call.";

/// The officially assigned codes of ISO 3166-1 alpha-2.
const COUNTRIES: &str = "\
    AD AE AF AG AI AL AM AO AQ AR AS AT AU AW AX AZ BA BB BD BE BF BG BH BI BJ BL BM BN BO BQ BR BS BT BV BW BY BZ \
    CA CC CD CF CG CH CI CK CL CM CN CO CR CU CV CW CX CY CZ DE DJ DK DM DO DZ EC EE EG EH ER ES ET FI FJ FK FM FO \
    FR GA GB GD GE GF GG GH GI GL GM GN GP GQ GR GS GT GU GW GY HK HM HN HR HT HU ID IE IL IM IN IO IQ IR IS IT JE \
    JM JO JP KE KG KH KI KM KN KP KR KW KY KZ LA LB LC LI LK LR LS LT LU LV LY MA MC MD ME MF MG MH MK ML MM MN MO \
    MP MQ MR MS MT MU MV MW MX MY MZ NA NC NE NF NG NI NL NO NP NR NU NZ OM PA PE PF PG PH PK PL PM PN PR PS PT PW \
    PY QA RE RO RS RU RW SA SB SC SD SE SG SH SI SJ SK SL SM SN SO SR SS ST SV SX SY SZ TC TD TF TG TH TJ TK TL TM \
    TN TO TR TT TV TW TZ UA UG UM US UY UZ VA VC VE VG VI VN VU WF WS YE YT ZA ZM ZW";

/// A country by its ISO 3166-1 alpha-2 code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Country(&'static str);

impl Country {
    /// Parses a code in upper or lower case.
    pub fn parse(typed: &str) -> Option<Self> {
        COUNTRIES.split_whitespace().find(|code| code.eq_ignore_ascii_case(typed)).map(Self)
    }

    /// The code in capitals.
    pub fn code(self) -> &'static str {
        self.0
    }
}

/// A help line as written in the configuration.
#[derive(Clone, Debug, Default)]
pub struct Written {
    /// ISO 3166-1 alpha-2.
    pub country: String,
    /// Its name.
    pub name: String,
    /// The number to dial.
    pub phone: Option<String>,
    /// The URL of its page.
    pub url: Option<String>,
    /// When it is staffed.
    pub hours: Option<String>,
}

/// A help line, checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HelpLine {
    /// Its country.
    pub country: Country,
    /// Its name.
    pub name: String,
    /// The number to dial; if None, there is a URL.
    pub phone: Option<String>,
    /// The URL of its page, `https`; if None, there is a number.
    pub url: Option<String>,
    /// When it is staffed, in words.
    pub hours: Option<String>,
}

impl HelpLine {
    /// Checks every field; the problems name them `country`, `name`, `phone`, `url`, `hours`.
    pub fn check(written: Written) -> Result<Self, Vec<Problem>> {
        let mut checks = Checks::new();
        let country = Country::parse(&written.country);
        if country.is_none() {
            let sentence = "this must be a country's ISO 3166-1 alpha-2 code, such as DE";
            checks.note(Problem::new("country", ProblemCode::Malformed, sentence));
        }
        let name = checks.line("name", written.name, TEXT_MAX);
        let hours = written.hours.map(|hours| checks.line("hours", hours, TEXT_MAX));
        let phone = written.phone.map(|phone| checks.line("phone", phone, PHONE_MAX));
        if phone.as_deref().is_some_and(|phone| !is_dialled(phone)) {
            let sentence = "this must be a number as one dials it: digits, blanks and + - ( ) / .";
            checks.note(Problem::new("phone", ProblemCode::Malformed, sentence));
        }
        let url = written.url.map(|url| checks.line("url", url, URL_MAX));
        if url.as_deref().is_some_and(|url| !is_page(url)) {
            checks.note(Problem::new(
                "url",
                ProblemCode::Malformed,
                "this must be a page's https:// address",
            ));
        }
        if phone.is_none() && url.is_none() {
            let sentence = "a help line needs a phone or a url";
            checks.note(Problem::new("phone", ProblemCode::Required, sentence));
        }
        checks.finish(())?;
        // Unreachable: without a country, a problem was noted above.
        let country = country.ok_or_else(Vec::new)?;
        Ok(Self { country, name, phone, url, hours })
    }
}

/// At least three digits: the shortest numbers have three.
fn is_dialled(phone: &str) -> bool {
    let known = |c: char| c.is_ascii_digit() || matches!(c, ' ' | '+' | '-' | '(' | ')' | '/' | '.');
    phone.chars().all(known) && phone.chars().filter(char::is_ascii_digit).count() >= 3
}

/// People tap on it, so it must be an https page without credentials.
fn is_page(url: &str) -> bool {
    url::Url::parse(url).is_ok_and(|url| {
        url.scheme() == "https" && url.has_host() && url.username().is_empty() && url.password().is_none()
    })
}

/// The lines for a country, or all of them, sorted by country and otherwise in configured order; and a
/// sentence about them.
pub fn shown(lines: &[HelpLine], country: Option<Country>) -> (Vec<&HelpLine>, &'static str) {
    let wanted = |line: &&HelpLine| country.is_none_or(|country| country == line.country);
    let mut shown: Vec<_> = lines.iter().filter(wanted).collect();
    shown.sort_by_key(|line| line.country);
    let sentence = if shown.is_empty() { NONE } else { SET };
    (shown, sentence)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written() -> Written {
        Written {
            country: "de".to_owned(),
            name: "Example line".to_owned(),
            phone: Some("+49 (0) 0000-000".to_owned()),
            url: Some("https://help.example.org/chat".to_owned()),
            hours: Some("day and night".to_owned()),
        }
    }

    #[test]
    fn every_assigned_country_has_its_code_once() {
        let codes: Vec<_> = COUNTRIES.split_whitespace().collect();
        assert_eq!(codes.len(), 249);
        assert!(codes.is_sorted_by(|a, b| a < b) && codes.iter().all(|code| code.len() == 2));
        assert_eq!(Country::parse("ch").map(Country::code), Some("CH"));
        for no in ["", "D", "DEU", "UK", "XX", "EU", "d e", "DE FR"] {
            assert_eq!(Country::parse(no), None, "{no}");
        }
    }

    #[test]
    fn a_help_line_that_is_wrong_names_the_field() {
        let good = HelpLine::check(written()).unwrap();
        assert_eq!((good.country.code(), good.phone.as_deref()), ("DE", Some("+49 (0) 0000-000")));
        for short in ["000", "000 000"] {
            assert!(
                HelpLine::check(Written { phone: Some(short.to_owned()), url: None, ..written() }).is_ok()
            );
        }
        let some = |text: &str| Some(text.to_owned());
        for (wrong, field) in [
            (Written { country: "UK".to_owned(), ..written() }, "country"),
            (Written { name: " ".to_owned(), ..written() }, "name"),
            (Written { name: "n".repeat(TEXT_MAX + 1), ..written() }, "name"),
            (Written { phone: some("call us"), ..written() }, "phone"),
            (Written { phone: some("00"), ..written() }, "phone"),
            (Written { phone: some("0000;ext=1"), ..written() }, "phone"),
            (Written { url: some("http://help.example.org"), ..written() }, "url"),
            (Written { url: some("javascript:alert(1)"), ..written() }, "url"),
            (Written { url: some("https://a:b@help.example.org"), ..written() }, "url"),
            (Written { hours: some("from\nto"), ..written() }, "hours"),
            (Written { phone: None, url: None, ..written() }, "phone"),
        ] {
            let problems = HelpLine::check(wrong.clone()).unwrap_err();
            assert_eq!(problems[0].field, field, "{wrong:?}");
        }
    }

    #[test]
    fn what_is_shown_is_for_the_country_asked_for_and_a_sentence_says_if_there_is_nothing() {
        let line = |country: &str, name: &str| {
            HelpLine::check(Written { country: country.to_owned(), name: name.to_owned(), ..written() })
                .unwrap()
        };
        let lines = [line("US", "one"), line("DE", "two"), line("DE", "three")];
        let names = |country: Option<&str>| {
            let (shown, sentence) = shown(&lines, country.and_then(Country::parse));
            (shown.iter().map(|line| line.name.clone()).collect::<Vec<_>>(), sentence)
        };
        assert_eq!(names(None), (vec!["two".to_owned(), "three".to_owned(), "one".to_owned()], SET));
        assert_eq!(names(Some("US")), (vec!["one".to_owned()], SET));
        assert_eq!(names(Some("FR")), (vec![], NONE));
        assert_eq!(shown(&[], None), (vec![], NONE));
    }
}
