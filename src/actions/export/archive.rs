//! The archive of an export, made piece by piece: a ZIP with a JSON file, a readable page of the same, and the schema.

use crate::actions::export::sections::{Reader, Section, SectionCursor};
use crate::actions::{AppContext, Fault};
use crate::ids::AccountId;
use askama::Template;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde_json::{Value, json};
use std::io::Write;
use std::sync::{Arc, Mutex, PoisonError};
use zip::write::{SimpleFileOptions, StreamWriter, ZipWriter};

/// Approximate size of a piece, in bytes.
const PIECE: usize = 256 * 1024;
/// The version of the JSON format; raise it when the format changes. See `docs/export.schema.json`.
pub const VERSION: u32 = 1;
/// The JSON Schema of the JSON file.
pub const SCHEMA: &str = include_str!("../../../docs/export.schema.json");

const JSON_FILE: &str = "export.json";
const HTML_FILE: &str = "export.html";
const SCHEMA_FILE: &str = "export.schema.json";

/// The ZIP writer's buffer, drained piece by piece.
#[derive(Clone, Default)]
struct Sink(Arc<Mutex<Vec<u8>>>);

impl Sink {
    fn len(&self) -> usize {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).len()
    }

    /// Drains up to so many bytes from the front.
    fn take(&self, most: usize) -> Vec<u8> {
        let mut bytes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let most = most.min(bytes.len());
        bytes.drain(..most).collect()
    }
}

impl Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// The file being written.
#[derive(Clone, Copy, PartialEq, Eq)]
enum File {
    Json,
    Html,
}

/// The next step.
#[derive(Clone, Copy)]
enum Step {
    /// The head of a file.
    Head(File),
    /// A page of a section: its number, its cursor, and how many entries came before.
    SectionPage(File, usize, SectionCursor, usize),
    /// The end of a file.
    Tail(File),
    /// The end of the archive.
    End,
}

/// An archive in the making.
pub struct Archive {
    reader: Reader,
    zip: Option<ZipWriter<StreamWriter<Sink>>>,
    sink: Sink,
    next: Step,
    made_at: Timestamp,
    zone: TimeZone,
}

impl Archive {
    /// Opens the archive of an account; None if the account is gone.
    pub async fn open(context: &Arc<AppContext>, account: AccountId) -> Result<Option<Self>, Fault> {
        let Some(reader) = Reader::open(context, account).await? else { return Ok(None) };
        let sink = Sink::default();
        let zip = Some(ZipWriter::new_stream(sink.clone()));
        let zone = reader.person().row.reach().rhythm.zone.time_zone().clone();
        let made_at = context.clock.now();
        Ok(Some(Self { reader, zip, sink, next: Step::Head(File::Json), made_at, zone }))
    }

    /// The next piece; None at the end. Memory holds no more than a piece and a page.
    ///
    /// # Errors
    /// A row cannot be read or opened.
    pub async fn next(&mut self) -> Result<Option<Vec<u8>>, Fault> {
        while self.sink.len() < PIECE && self.zip.is_some() {
            self.step().await?;
        }
        let piece = self.sink.take(PIECE);
        Ok((!piece.is_empty()).then_some(piece))
    }

    async fn step(&mut self) -> Result<(), Fault> {
        match self.next {
            Step::Head(file) => {
                self.head(file)?;
                self.next = Step::SectionPage(file, 0, SectionCursor::default(), 0);
            }
            Step::SectionPage(file, number, at, before) => {
                let Some(section) = Section::ALL.get(number).copied() else {
                    self.next = Step::Tail(file);
                    return Ok(());
                };
                let (values, on) = self.reader.page(section, at).await?;
                match file {
                    File::Json => self.json_page(section, &values, before)?,
                    File::Html => self.html_page(section, &values, before)?,
                }
                self.next = match on {
                    Some(on) => Step::SectionPage(file, number, on, before + values.len()),
                    None => {
                        self.close(file, section, before + values.len())?;
                        Step::SectionPage(file, number + 1, SectionCursor::default(), 0)
                    }
                };
            }
            Step::Tail(File::Json) => {
                self.write("\n}\n")?;
                self.next = Step::Head(File::Html);
            }
            Step::Tail(File::Html) => {
                self.write("</main>\n</body>\n</html>\n")?;
                self.begin(SCHEMA_FILE)?;
                self.write(SCHEMA)?;
                self.next = Step::End;
            }
            Step::End => {
                if let Some(zip) = self.zip.take() {
                    zip.finish().map_err(Fault::Archive)?;
                }
            }
        }
        Ok(())
    }

    fn begin(&mut self, name: &str) -> Result<(), Fault> {
        let options = SimpleFileOptions::default().compression_method(zip::CompressionMethod::Stored);
        match &mut self.zip {
            Some(zip) => zip.start_file(name, options).map_err(Fault::Archive),
            None => Err(Fault::Inconsistent("an archive that is closed")),
        }
    }

    fn write(&mut self, text: &str) -> Result<(), Fault> {
        match &mut self.zip {
            Some(zip) => zip.write_all(text.as_bytes()).map_err(|error| Fault::Archive(error.into())),
            None => Err(Fault::Inconsistent("an archive that is closed")),
        }
    }

    fn head(&mut self, file: File) -> Result<(), Fault> {
        match file {
            File::Json => {
                self.begin(JSON_FILE)?;
                let made_at = json!(self.made_at);
                self.write(&format!(
                    "{{\n\"format\": \"evenkeel-export\",\n\"version\": {VERSION},\n\"madeAt\": {made_at}"
                ))
            }
            File::Html => {
                self.begin(HTML_FILE)?;
                let head = Head { made_at: &shown(&self.made_at.to_string(), &self.zone) }.render();
                self.write(&head.map_err(|_| Fault::Inconsistent("a page without a form"))?)
            }
        }
    }

    fn json_page(&mut self, section: Section, values: &[Value], before: usize) -> Result<(), Fault> {
        for (n, value) in values.iter().enumerate() {
            match (section.is_single(), before + n) {
                (true, _) => self.write(&format!(",\n\"{}\": {value}", section.name()))?,
                (false, 0) => self.write(&format!(",\n\"{}\": [\n{value}", section.name()))?,
                (false, _) => self.write(&format!(",\n{value}"))?,
            }
        }
        Ok(())
    }

    fn html_page(&mut self, section: Section, values: &[Value], before: usize) -> Result<(), Fault> {
        for (n, value) in values.iter().enumerate() {
            if before + n == 0 {
                self.write(&format!("<h2>{}</h2>\n", label(section.name())))?;
            }
            let entry = Node { value, zone: &self.zone }.render();
            let entry = entry.map_err(|_| Fault::Inconsistent("a page without a form"))?;
            self.write(&format!("<article>{entry}</article>\n"))?;
        }
        Ok(())
    }

    /// Ends a section that has so many entries.
    fn close(&mut self, file: File, section: Section, entries: usize) -> Result<(), Fault> {
        match (file, section.is_single(), entries) {
            (File::Json, false, 0) => self.write(&format!(",\n\"{}\": []", section.name())),
            (File::Json, false, _) => self.write("\n]"),
            (File::Json, true, _) | (File::Html, ..) => Ok(()),
        }
    }
}

/// The head of the readable page.
#[derive(Template)]
#[template(path = "export_head.html")]
struct Head<'a> {
    made_at: &'a str,
}

/// One JSON value, rendered with all its children.
#[derive(Template)]
#[template(path = "export_value.html")]
struct Node<'a> {
    value: &'a Value,
    zone: &'a TimeZone,
}

impl<'a> Node<'a> {
    /// The fields of an object that are neither empty nor ids.
    fn fields(&self) -> Vec<(String, Node<'a>)> {
        let fields = self.value.as_object().into_iter().flatten();
        let said = fields.filter(|(name, value)| !is_empty(value) && !is_id(name));
        said.map(|(name, value)| (label(name), Node { value, zone: self.zone })).collect()
    }

    /// The entries of a list.
    fn entries(&self) -> Vec<Node<'a>> {
        let entries = self.value.as_array().into_iter().flatten();
        entries.map(|value| Node { value, zone: self.zone }).collect()
    }

    /// A scalar, as people read it.
    fn text(&self) -> String {
        match self.value {
            Value::String(text) => shown(text, self.zone),
            Value::Bool(true) => "yes".to_owned(),
            Value::Bool(false) => "no".to_owned(),
            other => other.to_string(),
        }
    }
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::String(text) => text.is_empty(),
        Value::Array(entries) => entries.is_empty(),
        Value::Object(fields) => fields.is_empty(),
        Value::Bool(_) | Value::Number(_) => false,
    }
}

/// Fields for programs, left out of the readable page.
fn is_id(name: &str) -> bool {
    matches!(name, "id" | "contentHash" | "checkIn" | "endpoint")
}

/// `plannedFor` as people read it: `Planned for`.
fn label(name: &str) -> String {
    let mut label = String::with_capacity(name.len() + 4);
    for (n, c) in name.chars().enumerate() {
        match (n, c.is_ascii_uppercase()) {
            (0, _) => label.extend(c.to_uppercase()),
            (_, true) => label.extend([' ', c.to_ascii_lowercase()]),
            (_, false) => label.push(c),
        }
    }
    label
}

/// An instant in the person's zone; any other text as it is.
fn shown(text: &str, zone: &TimeZone) -> String {
    match text.parse::<Timestamp>() {
        Ok(at) => at.to_zoned_datetime(zone.clone()).strftime("%A, %-d %B %Y, %H:%M %Z").to_string(),
        Err(_) => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_becomes_a_page_without_anything_that_could_run() {
        let value = json!({ "id": "x_1", "note": "<script>alert(1)</script>\nwarm & dry", "startedAt": "2026-10-24T20:15:00Z",
            "comforts": ["tea"], "empty": "", "myCheckIns": [{ "mood": 4 }] });
        let zone = TimeZone::get("Europe/Berlin").unwrap();
        let html = Node { value: &value, zone: &zone }.render().unwrap();
        assert!(!html.contains("<script") && html.contains("warm") && html.contains("tea"), "{html}");
        assert!(
            html.contains("Saturday, 24 October 2026, 22:15 CEST") && html.contains("Started at"),
            "{html}"
        );
        assert!(html.contains("My check ins") && html.contains("Mood") && !html.contains("x_1"), "{html}");
        assert!(!html.contains("Empty"), "{html}");
    }
}
