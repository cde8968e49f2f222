//! Keys without a prefix: known by the vendor's name before them and by their form.

use super::class::{ALNUM, ANY64, BASE64, Class, DASHED, DOTTED, HEX, LOWER, URL64, UUID};
use super::hit::Hit;
use super::randomness::is_plausible_body;

/// A key that stands after its vendor's name.
#[derive(Debug)]
pub(super) struct Vendor {
    rule: &'static str,
    pub(super) name: &'static str,
    class: Class,
    least: usize,
    most: usize,
}

const fn key(
    rule: &'static str,
    name: &'static str,
    class: Class,
    least: usize,
    most: usize,
) -> Vendor {
    Vendor { rule, name, class, least, most }
}

/// All of them.
pub(super) const VENDORS: &[Vendor] = &[
    key("adobe_client_id", "adobe", HEX, 32, 32),
    key("algolia_key", "algolia", HEX, 32, 32),
    key("alchemy_key", "alchemy", URL64, 32, 32),
    key("amplitude_key", "amplitude", HEX, 32, 32),
    key("asana_secret", "asana", LOWER, 32, 32),
    key("auth0_secret", "auth0", URL64, 64, 64),
    key("azure_key", "azure", HEX, 32, 32),
    key("azure_long_key", "azure", ALNUM, 84, 84),
    key("bitbucket_secret", "bitbucket", URL64, 32, 64),
    key("bugsnag_key", "bugsnag", HEX, 32, 32),
    key("cloudflare_global_key", "cloudflare", HEX, 37, 37),
    key("cloudflare_token", "cloudflare", URL64, 40, 40),
    key("cohere_key", "cohere", ALNUM, 40, 40),
    key("coinbase_key", "coinbase", URL64, 32, 64),
    key("confluent_secret", "confluent", BASE64, 64, 64),
    key("contentful_key", "contentful", URL64, 43, 43),
    key("datadog_api_key", "datadog", HEX, 32, 32),
    key("datadog_app_key", "datadog", HEX, 40, 40),
    key("datadog_key", "dd_api_key", HEX, 32, 32),
    key("datadog_key", "dd_app_key", HEX, 40, 40),
    key("deepgram_key", "deepgram", HEX, 40, 40),
    key("discord_bot_token", "discord", DOTTED, 58, 80),
    key("discord_secret", "discord", URL64, 32, 32),
    key("drone_token", "drone", ALNUM, 32, 32),
    key("dropbox_secret", "dropbox", LOWER, 15, 15),
    key("fastly_token", "fastly", URL64, 32, 32),
    key("finnhub_key", "finnhub", ALNUM, 20, 40),
    key("freshdesk_key", "freshdesk", ALNUM, 20, 20),
    key("heroku_key", "heroku", UUID, 36, 36),
    key("hubspot_key", "hubspot", UUID, 36, 36),
    key("infura_key", "infura", HEX, 32, 32),
    key("intercom_token", "intercom", ANY64, 60, 60),
    key("jfrog_key", "artifactory", ALNUM, 64, 73),
    key("jira_token", "jira", ALNUM, 24, 24),
    key("kraken_secret", "kraken", BASE64, 80, 90),
    key("linkedin_secret", "linkedin", ALNUM, 14, 16),
    key("loggly_token", "loggly", UUID, 36, 36),
    key("mailgun_signing_key", "mailgun", DASHED, 50, 72),
    key("mailgun_signing_key", "mailgun", HEX, 32, 32),
    key("mattermost_token", "mattermost", LOWER, 26, 26),
    key("mistral_key", "mistral", ALNUM, 32, 32),
    key("netlify_token", "netlify", URL64, 40, 46),
    key("okta_token", "okta", URL64, 42, 42),
    key("opsgenie_key", "opsgenie", UUID, 36, 36),
    key("pagerduty_key", "pagerduty", URL64, 20, 32),
    key("paypal_secret", "paypal", URL64, 60, 80),
    key("plaid_secret", "plaid", HEX, 30, 30),
    key("pusher_secret", "pusher", HEX, 20, 20),
    key("rapidapi_key", "rapidapi", URL64, 50, 50),
    key("rollbar_token", "rollbar", HEX, 32, 32),
    key("sauce_labs_key", "sauce", UUID, 36, 36),
    key("segment_key", "segment", ALNUM, 32, 32),
    key("sendbird_token", "sendbird", HEX, 40, 40),
    key("sentry_token", "sentry", HEX, 64, 64),
    key("slack_signing_secret", "slack", HEX, 32, 32),
    key("snyk_token", "snyk", UUID, 36, 36),
    key("sonar_token", "sonar", HEX, 40, 40),
    key("splunk_token", "splunk", UUID, 36, 36),
    key("spotify_secret", "spotify", HEX, 32, 32),
    key("sumologic_key", "sumo", ALNUM, 64, 64),
    key("travis_token", "travis", ALNUM, 22, 22),
    key("trello_key", "trello", HEX, 32, 32),
    key("trello_token", "trello", HEX, 64, 64),
    key("twilio_auth_token", "twilio", HEX, 32, 32),
    key("twitch_secret", "twitch", LOWER, 30, 30),
    key("twitter_key", "twitter", ALNUM, 25, 25),
    key("twitter_secret", "twitter", DASHED, 45, 50),
    key("vercel_token", "vercel", ALNUM, 24, 24),
    key("wandb_key", "wandb", HEX, 40, 40),
    key("zendesk_key", "zendesk", ALNUM, 40, 40),
];

/// How far the key may stand from the name.
const REACH: usize = 48;

/// The key after the vendor's name that ends at `end`.
pub(super) fn find(text: &[u8], end: usize, vendor: &Vendor) -> Option<Hit> {
    let rest = text.get(end..)?;
    let window = rest.get(..rest.len().min(REACH))?;
    let tie = window.iter().position(|byte| b"=:>\n".contains(byte))?;
    let between = window.get(..tie)?.to_ascii_lowercase();
    let tied = window.get(tie).filter(|byte| **byte != b'\n')?;
    let is_key = [&b"key"[..], b"token", b"secret", b"auth", b"api", b"pass", b"cred", b"id"]
        .iter()
        .any(|word| memchr::memmem::find(&between, word).is_some());
    let is_url = *tied == b':' && window.get(tie + 1) == Some(&b'/');
    if is_url || !is_key && !between.iter().all(|byte| b"\"' \t".contains(byte)) {
        return None;
    }
    let glue = rest.get(tie..)?.iter().take(6).take_while(|b| b"=:> \t\"'\\".contains(b)).count();
    let start = end + tie + glue;
    let value = text.get(start..)?;
    let length = vendor.class.run(value, vendor.most + 1);
    let body = value.get(..length)?;
    let is_key = (vendor.least..=vendor.most).contains(&length)
        && value.get(length).is_none_or(|next| !ALNUM.has(*next))
        && body.iter().any(u8::is_ascii_digit)
        && body.iter().any(u8::is_ascii_alphabetic)
        && is_plausible_body(body);
    is_key.then_some(Hit { rule: vendor.rule, start, end: start + length, score: 0.85 })
}
