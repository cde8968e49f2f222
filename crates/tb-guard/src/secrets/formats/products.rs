//! Products for work, design, data and social networks.

use super::super::class::{
    ALNUM, ANY64, DIGIT, DOTTED, HEX, LOWER, PERCENT64, TOKEN68, URL64, UUID, WORD,
};
use super::{Class, Format, Part, parts, run};

pub(super) const FORMATS: &[Format] = &[
    run("notion_token", "ntn_", ALNUM, 40, 50),
    run("notion_integration_secret", "secret_", ALNUM, 43, 43),
    run("linear_key", "lin_api_", ALNUM, 40, 40),
    run("linear_oauth_token", "lin_oauth_", HEX, 64, 64),
    run("linear_webhook_secret", "lin_wh_", ALNUM, 40, 40),
    run("figma_token", "figd_", URL64, 38, 60),
    run("figma_oauth_token", "figu_", URL64, 38, 60),
    run("figma_refresh_token", "figur_", URL64, 38, 60),
    parts("airtable_token", "pat", &[Part::Run(ALNUM, 14, 14), Part::Text("."), HEX_64]),
    parts(
        "asana_token",
        "1/",
        &[Part::Run(DIGIT, 15, 17), Part::Text(":"), Part::Run(HEX, 32, 32)],
    ),
    parts(
        "asana_token",
        "2/",
        &[Part::Run(DIGIT, 15, 17), Part::Text("/"), ASANA_APP, Part::Text(":"), ASANA_SECRET],
    ),
    run("dropbox_short_token", "sl.", URL64, 100, 2048),
    run("dropbox_token", "sl.u.", URL64, 100, 2048),
    run("clickup_token", "pk_", WORD, 40, 60),
    run("trello_token", "ATTA", HEX, 64, 64),
    run("typeform_token", "tfp_", DOTTED, 50, 70),
    run("contentful_token", "CFPAT-", URL64, 40, 50),
    run("readme_key", "rdme_", LOWER, 70, 70),
    run("hubspot_token", "pat-na1-", UUID, 36, 36),
    run("hubspot_eu_token", "pat-eu1-", UUID, 36, 36),
    run("salesforce_session", "00D", SESSION, 60, 140),
    run("salesforce_refresh_token", "5Aep", DOTTED, 60, 120),
    run("facebook_token", "EAA", ALNUM, 100, 300),
    run("instagram_token", "IGQV", URL64, 80, 250),
    run("twitter_bearer_token", "AAAAAAAAAAAAAAAAAAAAA", PERCENT64, 60, 120),
    run("tiktok_token", "act.", DOTTED, 40, 100),
    run("linkedin_secret", "WPL_AP", DOTTED.and(b"="), 20, 40),
    run("mapbox_secret_token", "sk.eyJ", DOTTED, 60, 200),
    run("mapbox_public_token", "pk.eyJ", DOTTED, 60, 200),
    run("adobe_client_secret", "p8e-", URL64, 30, 36),
    run("adafruit_io_key", "aio_", ALNUM, 28, 28),
    run("settlemint_token", "sm_pat_", ALNUM, 16, 16),
    run("settlemint_app_token", "sm_aat_", ALNUM, 16, 16),
    run("settlemint_service_token", "sm_sat_", ALNUM, 16, 16),
    run("mapillary_token", "MLY|", TOKEN68, 40, 80),
    run("ubidots_token", "BBFF-", ALNUM, 30, 30),
    run("endor_labs_key", "endr+", ALNUM, 16, 16),
    run("defined_networking_token", "dnkey-", URL64, 70, 90),
    run("fullstory_key", "na1.", ANY64, 60, 120),
    run("pubnub_secret", "sec-c-", ANY64, 48, 48),
    run("pubnub_subscribe_key", "sub-c-", UUID, 36, 36),
    run("pubnub_publish_key", "pub-c-", UUID, 36, 36),
    run("persona_key", "persona_production_", UUID, 36, 36),
    run("persona_sandbox_key", "persona_sandbox_", UUID, 36, 36),
    run("thunderstore_token", "tss_", ALNUM, 36, 40),
];

const HEX_64: Part = Part::Run(HEX, 64, 64);
const ASANA_APP: Part = Part::Run(DIGIT, 15, 17);
const ASANA_SECRET: Part = Part::Run(HEX, 32, 32);
/// A session of the vendor: the organisation, `!`, the rest.
const SESSION: Class = DOTTED.and(b"!");
