//! The demo: plays the design's story on a simulated clock, with a push service and a mail server of its own.

pub mod loopback;
pub mod push_receiver;
pub mod smtp_receiver;
pub mod stage;

use crate::app::StartError;
use crate::domain::answer::RELEASE_DELAY;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use stage::{Actor, Stage};
use std::io::Write;

/// The evening before Berlin's clocks go back an hour; Los Angeles follows a week later.
const START: &str = "2026-10-24T17:30:00Z";

/// The two people, and how much of what they received was printed.
struct Story<'a> {
    out: &'a mut dyn Write,
    stage: Stage,
    alex: Actor,
    sam: Actor,
    printed: [usize; 2],
}

impl Story<'_> {
    fn says(&mut self, words: &str) -> Result<(), StartError> {
        let now = self.stage.now();
        Ok(writeln!(self.out, "{}  {words}", both_clocks(now, &self.alex, &self.sam))?)
    }

    /// Prints, in order, what phones and inboxes received since the last call.
    fn shows(&mut self) -> Result<(), StartError> {
        let mut lines = Vec::new();
        for (actor, printed) in [&self.alex, &self.sam].into_iter().zip(&mut self.printed) {
            let received = self.stage.received(actor)?;
            let total = received.len();
            for arrival in received.into_iter().skip(*printed) {
                let (name, place, shown) = (actor.name, arrival.place, arrival.shown);
                lines.push((
                    arrival.at,
                    format!("{}    {name}'s {place} shows “{shown}”", local(arrival.at, actor)),
                ));
            }
            *printed = total;
        }
        lines.sort();
        for (_, line) in lines {
            writeln!(self.out, "{line}")?;
        }
        Ok(())
    }

    async fn until(&mut self, to: Timestamp) -> Result<(), StartError> {
        self.stage.live_until(to).await?;
        self.shows()
    }
}

fn local(at: Timestamp, actor: &Actor) -> String {
    at.to_zoned_datetime(actor.zone.clone()).strftime("%a %d %b %H:%M %Z").to_string()
}

fn both_clocks(at: Timestamp, alex: &Actor, sam: &Actor) -> String {
    format!("{} | {}", local(at, alex), local(at, sam))
}

/// Plays the design's story and prints, in order and in each person's local time, what each phone and inbox receives.
/// It uses the whole service: HTTP, database, encryption, push and mail.
///
/// # Errors
/// If any step of the story fails.
pub async fn run(out: &mut dyn Write) -> Result<(), StartError> {
    let stage = Stage::open(START.parse()?)?;
    let mut alex = stage.enter("Alex", "Europe/Berlin", ("22:00", "08:00")).await?;
    let mut sam = stage.enter("Sam", "America/Los_Angeles", ("23:00", "07:00")).await?;
    let (link, revision) = come_together(&stage, &mut alex, &mut sam).await?;
    let mut story = Story { out, stage, alex, sam, printed: [0, 0] };
    story.shows()?;
    story.says("Alex and Sam are linked and have agreed: check-ins after 1, 24 and 48 hours.")?;

    let ended_at = story.stage.now() + SignedDuration::from_mins(30);
    story.until(ended_at).await?;
    let scene = record(&story.stage, &mut story.alex, &link, ended_at).await?;
    story.says("A scene has ended. What happens from here on, nobody has to remember.")?;

    story.until(ended_at + SignedDuration::from_hours(1)).await?;
    answer(&mut story, 2, "MOOD").await?;
    story.says(
        "Sam answers in one tap: shares the mood, keeps the note. Sam is not asked again for this one.",
    )?;
    story.until(ended_at + SignedDuration::from_hours(1) + RELEASE_DELAY).await?;
    let seen = partners_view(&story.stage, &mut story.alex, &scene).await?;
    story.says(&format!("Two minutes later Alex sees of Sam's first check-in: {}", seen[0]["shared"]))?;

    story.says("Alex does not answer.")?;
    story.until(ended_at + SignedDuration::from_hours(23)).await?;
    let told = story.stage.reads(&mut story.sam).await?;
    let words = told["message"].as_str().unwrap_or_default().to_owned();
    story.says(&format!("Sam opens the newest reminder and reads, because Alex allowed it: “{words}”"))?;
    let input = json!({ "sceneId": scene, "way": "CALL" });
    let query = "mutation($input: RecordOutreachInput!) { recordOutreach(input: $input) { status } }";
    story.stage.does(&mut story.sam, query, input).await?;
    story.says("Sam calls Alex.")?;

    story.until(ended_at + SignedDuration::from_hours(25)).await?;
    let input = json!({ "revisionId": revision });
    let query = "mutation($input: WithdrawAgreementInput!) { withdrawAgreement(input: $input) { status } }";
    story.stage.does(&mut story.alex, query, input).await?;
    story.says("Alex withdraws the agreement, without giving a reason. Sam is told nothing from here on.")?;
    let input = json!({});
    let query = "mutation($input: PauseNudgesInput!) { pauseNudges(input: $input) { status } }";
    story.stage.does(&mut story.sam, query, input).await?;
    story.says("Sam pauses all nudges.")?;
    story.until(ended_at + SignedDuration::from_hours(80)).await?;
    story.says("The days after are over.")?;
    story.stage.close().await;
    Ok(())
}

/// The two link, write their Needs, agree on a Revision, and allow the partner to be told.
async fn come_together(
    stage: &Stage,
    alex: &mut Actor,
    sam: &mut Actor,
) -> Result<(Value, Value), StartError> {
    let query = "mutation($input: InvitePartnerInput!) { invitePartner(input: $input) { status code } }";
    let code = stage.does(alex, query, json!({ "role": "DOMINANT" })).await?["code"].clone();
    let query =
        "mutation($input: AcceptInvitationInput!) { acceptInvitation(input: $input) { status link { id } } }";
    let accepted = stage.does(sam, query, json!({ "code": code, "role": "SUBMISSIVE" })).await?;
    let link = accepted["link"]["id"].clone();
    let query = "mutation($input: WriteNeedsInput!) { writeNeeds(input: $input) { status } }";
    let needs =
        json!({ "comforts": ["WARMTH", "TALK"], "words": "You did well. I am here.", "contact": ["CALL"] });
    stage.does(sam, query, json!({ "linkId": link, "needs": needs })).await?;
    let needs = json!({ "comforts": ["QUIET", "WATER"], "nearness": "SPACE", "contact": ["MESSAGE"] });
    stage.does(alex, query, json!({ "linkId": link, "needs": needs })).await?;
    let query = "mutation($input: ProposeRevisionInput!) { proposeRevision(input: $input) {
        status revision { id contentHash } } }";
    let terms =
        json!({ "stopSignal": "red", "partnerAlert": "CALL", "contactPlan": "A call the next evening." });
    let proposed =
        stage.does(alex, query, json!({ "linkId": link, "terms": terms })).await?["revision"].clone();
    let yes = json!({ "revisionId": proposed["id"], "contentHash": proposed["contentHash"] });
    let query = "mutation($input: AgreeToRevisionInput!) { agreeToRevision(input: $input) { status } }";
    stage.does(sam, query, yes.clone()).await?;
    stage.does(alex, query, yes).await?;
    let query = "mutation($input: UpdateLinkInput!) { updateLink(input: $input) { status } }";
    stage.does(alex, query, json!({ "linkId": link, "partnerAlertAllowed": true })).await?;
    Ok((link, proposed["id"].clone()))
}

async fn record(
    stage: &Stage,
    alex: &mut Actor,
    link: &Value,
    ended_at: Timestamp,
) -> Result<Value, StartError> {
    let query = "mutation($input: RecordSceneInput!) { recordScene(input: $input) { status scene { id } } }";
    let times =
        json!({ "linkId": link, "setting": "ONLINE", "intensity": 4, "endedAt": ended_at.to_string() });
    let scene = stage.does(alex, query, times).await?["scene"]["id"].clone();
    let query = "mutation($input: RecordAftercareInput!) { recordAftercare(input: $input) { status } }";
    let given = json!({ "sceneId": scene, "givenBy": "BOTH", "comforts": ["TALK", "WATER"], "minutes": 25 });
    stage.does(alex, query, given).await?;
    Ok(scene)
}

async fn answer(story: &mut Story<'_>, mood: i32, share: &str) -> Result<(), StartError> {
    let query = "query($input: Int) { viewer { checkIns(span: DUE, first: $input) { nodes { id } } } }";
    let due = story.stage.does(&mut story.sam, query, json!(1)).await?;
    let check_in = due["checkIns"]["nodes"][0]["id"].clone();
    let signs = json!([{ "sign": "FRAGILE", "degree": "A_LITTLE" }]);
    let input =
        json!({ "checkInId": check_in, "mood": mood, "signs": signs, "note": "for me", "share": share });
    let query = "mutation($input: AnswerCheckInInput!) { answerCheckIn(input: $input) { status } }";
    story.stage.does(&mut story.sam, query, input).await?;
    Ok(())
}

async fn partners_view(stage: &Stage, alex: &mut Actor, scene: &Value) -> Result<Value, StartError> {
    let query = "query($input: ID!) { node(id: $input) { ... on Scene { partnersCheckIns { shared { mood note } } } } }";
    Ok(stage.does(alex, query, scene.clone()).await?["partnersCheckIns"].clone())
}
