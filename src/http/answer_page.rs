//! The page to answer, skip or put off a check-in, by the token of a nudge's link. GET shows, buttons POST (R30).

use super::Web;
use super::client::visitor;
use super::html::{self, Fields, Slip};
use super::problem::Wants;
use super::rest::{self, Asked, Problems, Sent};
use crate::actions::Refusal;
use crate::actions::check_ins::page::{
    self, AnswerContent, AnswerSharing, NoticedSign, Offered, Problem, ProblemCode, Replied, Reply, Sign,
    SignDegree,
};
use crate::auth::tokens::opaque;
use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};
use askama::Template;
use serde::Deserialize;

const TITLE: &str = "How are you right now?";

#[derive(Template)]
#[template(path = "answer.html")]
struct AnswerPage {
    problems: Vec<Slip>,
    faces: &'static [Face],
    open: bool,
    signs: Vec<SignField>,
    texts: [TextField; 2],
    sharing: Vec<Choice>,
    attempt: String,
    several: Option<Several>,
    sentences: Vec<&'static str>,
    /// Whether there is a partner to share with, and to hear from.
    of_two: bool,
    lines: Vec<String>,
}

/// Where a visit stands whose link has several questions.
struct Several {
    /// What the question on the page is called, and which one it is, from 0.
    label: String,
    number: usize,
    /// The questions that were replied to in this visit, as the form sends them along: nothing is looked up.
    done: String,
    /// Whether the last reply was taken.
    saved: bool,
    /// The links to the other questions, with their names.
    others: Vec<(String, String)>,
}

/// A visit: what its link offers, which question is on the page, and which were replied to before.
#[derive(Default)]
struct Visit {
    offered: Offered,
    number: usize,
    done: Vec<usize>,
}

impl Visit {
    /// The visit to which a form belongs.
    fn of(offered: Offered, written: &Fields) -> Self {
        let number = written.get("question").and_then(|text| text.parse().ok()).unwrap_or(0);
        let done = written.get("done").unwrap_or_default().split(',').filter_map(|text| text.parse().ok());
        Self { offered, number, done: done.take(MOST).collect() }
    }

    /// The questions that were not replied to in this visit, without the one on the page.
    fn left(&self) -> impl Iterator<Item = usize> {
        let all = 0..self.offered.questions.len();
        all.filter(|number| *number != self.number && !self.done.contains(number))
    }

    fn has_next(&self) -> bool {
        self.left().next().is_some()
    }

    /// The visit after the question on the page was replied to.
    fn next(&self) -> Self {
        let done = self.done.iter().copied().chain([self.number]).collect();
        Self { offered: self.offered.clone(), number: self.left().next().unwrap_or(self.number), done }
    }

    /// The links to the other questions, with their names.
    fn others(&self) -> Vec<(String, String)> {
        let query = self.offered.query();
        let link = |number: usize| {
            let name = self.offered.questions.get(number)?.name();
            Some((format!("{query}&question={number}"), name))
        };
        self.left().filter_map(link).collect()
    }

    fn several(&self, saved: bool) -> Option<Several> {
        let label = self.offered.questions.get(self.number)?.name();
        let done: Vec<String> = self.done.iter().map(usize::to_string).collect();
        Some(Several { label, number: self.number, done: done.join(","), saved, others: self.others() })
    }
}

/// More questions than are ever replied to in a visit.
const MOST: usize = 100;

/// One of the five moods.
struct Face {
    mood: i32,
    words: &'static str,
    /// The SVG path of its mouth.
    mouth: &'static str,
}

const FACES: &[Face] = &[
    Face { mood: 1, words: "Very low", mouth: "M15 35q9-9 18 0" },
    Face { mood: 2, words: "Low", mouth: "M16 33q8-4 16 0" },
    Face { mood: 3, words: "In between", mouth: "M16 32h16" },
    Face { mood: 4, words: "Well", mouth: "M16 30q8 5 16 0" },
    Face { mood: 5, words: "Very well", mouth: "M15 29q9 10 18 0" },
];

/// One sign and its degrees.
struct SignField {
    name: String,
    words: &'static str,
    degrees: [Choice; 3],
}

/// An optional text.
struct TextField {
    name: &'static str,
    words: &'static str,
    value: String,
    problem: Option<String>,
}

/// One option of a group of radio buttons.
pub(super) struct Choice {
    pub(super) value: &'static str,
    pub(super) words: &'static str,
    pub(super) chosen: bool,
}

fn sign_words(sign: Sign) -> &'static str {
    match sign {
        Sign::Tearful => "Tearful",
        Sign::Sad => "Sad",
        Sign::Irritable => "Irritable",
        Sign::Anxious => "Anxious",
        Sign::Fragile => "Fragile",
        Sign::Low => "Low",
        Sign::Numb => "Numb",
        Sign::Tired => "Tired",
        Sign::Other => "Something else",
    }
}

fn sign_name(sign: Sign) -> String {
    format!("sign-{}", sign.word())
}

/// The page, filled with the fields sent so far.
fn form(
    web: &Web,
    status: StatusCode,
    visit: &Visit,
    written: &Fields,
    problems: Vec<Problem>,
) -> HttpResponse {
    let signs = Sign::ALL.iter().map(|sign| {
        let name = sign_name(*sign);
        let said = written.get(&name).unwrap_or_default();
        let degree = |degree: SignDegree, words| {
            let value = if degree == SignDegree::None { "" } else { degree.word() };
            Choice { value, words, chosen: said == value }
        };
        let degrees = [
            degree(SignDegree::None, "No"),
            degree(SignDegree::ALittle, "A little"),
            degree(SignDegree::ALot, "A lot"),
        ];
        SignField { name, words: sign_words(*sign), degrees }
    });
    let text = |name: &'static str, words| TextField {
        name,
        words,
        value: written.get(name).unwrap_or_default().to_owned(),
        problem: problems.iter().find(|problem| problem.field == name).map(|p| p.sentence.clone()),
    };
    let texts = [text("need", "What would help now?"), text("note", "A note")];
    let shared = written.get("sharing").unwrap_or_default();
    let share = |share: Option<AnswerSharing>, words| {
        let value = share.map_or("", AnswerSharing::word);
        Choice { value, words, chosen: shared == value }
    };
    let sharing = vec![
        share(None, "As I usually choose"),
        share(Some(AnswerSharing::Nothing), "Only me"),
        share(Some(AnswerSharing::Mood), "Share how I am, and not the rest"),
        share(Some(AnswerSharing::All), "Share all of it"),
    ];
    let anchors = ["need", "note", "minutes"];
    let slips = problems.iter().map(|problem| {
        let anchor = anchors.into_iter().find(|anchor| problem.field == *anchor).unwrap_or("question");
        Slip { anchor, sentence: problem.sentence.clone() }
    });
    let page = AnswerPage {
        problems: slips.collect(),
        faces: FACES,
        open: written.iter().any(|(name, value)| {
            !matches!(name, "mood" | "attempt" | "question" | "done") && !value.is_empty()
        }),
        signs: signs.collect(),
        texts,
        sharing,
        attempt: opaque(web.context.vault.chance()).0,
        several: visit.several(status == StatusCode::OK && !visit.done.is_empty()),
        sentences: visit.offered.sentences(),
        of_two: !visit.offered.alone,
        lines: page::help_lines(&web.context),
    };
    html::page(status, &page)
}

/// The button that asks the partner to get in touch, after an answer of "very low": it offers, and sends nothing by itself.
struct Offer {
    attempt: String,
    question: usize,
}

#[derive(Template)]
#[template(path = "answered.html")]
struct AnsweredPage {
    sentences: Vec<String>,
    offer: Option<Offer>,
    lines: Vec<String>,
    others: Vec<(String, String)>,
}

/// Whether a reply is followed by the offer to ask the partner.
fn offers(written: &Fields, replied: Replied) -> bool {
    written.get("mood") == Some(VERY_LOW) && replied == Replied::Settled
}

/// What was answered as "very low" offers more than a thank-you.
const VERY_LOW: &str = "1";

fn settled(web: &Web, visit: &Visit, written: &Fields, replied: Replied) -> HttpResponse {
    let offered = &visit.offered;
    let very_low = offers(written, replied);
    let attempt = written.get("attempt").map(str::to_owned).filter(|_| very_low && !offered.alone);
    let offer = attempt.map(|attempt| Offer { attempt, question: visit.number });
    let low = very_low || matches!(replied, Replied::Asked | Replied::NotAsked);
    let lines = if low { page::help_lines(&web.context) } else { Vec::new() };
    let mut sentences = vec![
        "This is done. Nothing more comes about it.".to_owned(),
        "If you want to change it, please sign in to your app.".to_owned(),
    ];
    match replied {
        Replied::Asked => sentences.push("They will hear that you would like to hear from them.".to_owned()),
        Replied::NotAsked => sentences.push(
            "Your answer is saved. They were not asked: that can be done three times a day, while you are linked.".to_owned(),
        ),
        Replied::Settled | Replied::PutOff | Replied::Nothing => {}
    }
    sentences.extend(offered.sentences().into_iter().map(str::to_owned));
    html::page(StatusCode::OK, &AnsweredPage { sentences, offer, lines, others: visit.others() })
}

/// The form again where nothing was done, with what was written: nobody loses their words to a link that was used or is
/// too old.
fn nothing_done(web: &Web, visit: &Visit, written: &Fields) -> HttpResponse {
    let sentence = "Nothing was changed: this link was used already, it is too late for this, or the link was not copied \
                    whole. Everything can be done in your app, too.";
    form(
        web,
        StatusCode::NOT_FOUND,
        visit,
        written,
        vec![Problem::new("question", ProblemCode::Expired, sentence)],
    )
}

/// What a link's query says: what the page offers, and which of several questions is shown.
#[derive(Deserialize)]
pub struct Shown {
    #[serde(default)]
    about: String,
    #[serde(default)]
    also: String,
    #[serde(default)]
    question: String,
}

impl Shown {
    fn offered(&self) -> Offered {
        Offered::parse(&self.about, &self.also)
    }
}

/// The question. Nothing is looked up: the page is the same whatever the link and whatever became of it, so that who sees a
/// used one learns nothing by looking again; the attempt in it is new each time. What else it offers stands in the link.
pub async fn show(web: web::Data<Web>, shown: web::Query<Shown>) -> HttpResponse {
    let number = shown.question.parse().unwrap_or(0);
    let visit = Visit { offered: shown.offered(), number, done: Vec::new() };
    form(&web, StatusCode::OK, &visit, &Fields::default(), Vec::new())
}

/// The reply that the form asks for; `None`: no button was pressed.
fn asked(written: &Fields) -> Option<Reply> {
    if written.get("skip").is_some() {
        return Some(Reply::Skip);
    }
    if written.get("plea") == Some("only") {
        return Some(Reply::Plea);
    }
    if let Some(minutes) = written.get("later") {
        // A text that is not a number becomes 0, which the domain refuses as out of range.
        return Some(Reply::Later(minutes.parse().unwrap_or(0)));
    }
    let mood = written.get("mood")?.parse().unwrap_or(0);
    let signs = Sign::ALL.iter().filter_map(|sign| {
        let said = written.get(&sign_name(*sign))?;
        let degree = SignDegree::ALL.iter().find(|degree| degree.word() == said)?;
        Some(NoticedSign { sign: *sign, degree: *degree })
    });
    let text = |name| written.get(name).unwrap_or_default().to_owned();
    let content = AnswerContent { mood, signs: signs.collect(), need: text("need"), note: text("note") };
    let share = written.get("sharing");
    let share = AnswerSharing::ALL.iter().find(|choice| Some(choice.word()) == share).copied();
    Some(Reply::Answer(content, share, written.get("plea").is_some()))
}

/// Answers a check-in, skips it or puts it off.
///
/// Needs nobody signed in and signs nobody in: the token works for this check-in alone, and
/// once; only the reply that it was used for hears that it is done, also when it is sent again with the same `attempt`.
/// The address is what a push's notification leads to (`navigate`), so a service worker can send this when one of a
/// notification's actions is tapped.
#[utoipa::path(
    post, path = "/c/{token}", tag = "check-in", params(("token" = String, Path, description = "The link's token.")),
    operation_id = "answerCheckIn",
    request_body(content((rest::Reply = "application/json"))),
    responses(
        (status = 200, description = "Done.", content((Asked = "application/json"), (String = "text/html"))),
        Problems
    )
)]
pub async fn answer(
    request: HttpRequest,
    web: web::Data<Web>,
    token: web::Path<String>,
    shown: web::Query<Shown>,
    body: rest::Body,
) -> HttpResponse {
    let Some((wants, sent)) = rest::sent::<rest::Reply>(&request, &body) else { return rest::malformed() };
    let (reply, attempt, question, written) = match sent {
        Sent::Json(said) => {
            let (attempt, question) = (said.attempt.clone(), said.question.unwrap_or(0));
            (said.into(), attempt, question, Fields::default())
        }
        Sent::Form(written) => {
            let question = written.get("question").and_then(|text| text.parse().ok()).unwrap_or(0);
            (asked(&written), written.get("attempt").map(str::to_owned), question, written)
        }
    };
    let outcome = match reply {
        Some(reply) => {
            let which = (token.into_inner(), question);
            page::reply(&web.context, &visitor(&request, &web), which, reply, attempt).await
        }
        None => {
            let sentence = "Please tap how you are, or skip this one.";
            Err(Problem::new("mood", ProblemCode::Required, sentence).into())
        }
    };
    if wants == Wants::Json {
        return rest::replied(outcome);
    }
    let visit = Visit::of(shown.offered(), &written);
    match outcome {
        Ok(replied @ (Replied::Settled | Replied::Asked | Replied::NotAsked | Replied::PutOff))
            if visit.has_next() && !offers(&written, replied) =>
        {
            form(&web, StatusCode::OK, &visit.next(), &Fields::default(), Vec::new())
        }
        Ok(replied @ (Replied::Settled | Replied::Asked | Replied::NotAsked)) => {
            settled(&web, &visit, &written, replied)
        }
        Err(Refusal::Repeated) => settled(&web, &visit, &written, Replied::Settled),
        Ok(Replied::PutOff) => {
            let sentence = "You will be asked again then. Nothing comes before.".to_owned();
            html::note(StatusCode::OK, "All right", &[sentence])
        }
        Ok(Replied::Nothing) => nothing_done(&web, &visit, &written),
        Err(Refusal::Problems(problems)) => {
            form(&web, StatusCode::UNPROCESSABLE_ENTITY, &visit, &written, problems)
        }
        Err(Refusal::Fault(fault)) => html::fault(TITLE, &fault),
    }
}
