//! Chat, mail and telephony.

use super::super::class::{ANY64, DASHED, DOTTED, HEX, PERCENT64, UPPER, URL64, WORD};
use super::{Format, OPEN, Part, fixed, parts, run};

pub(super) const FORMATS: &[Format] = &[
    run("slack_bot_token", "xoxb-", DASHED, 24, 120),
    run("slack_user_token", "xoxp-", DASHED, 24, 160),
    run("slack_legacy_token", "xoxo-", DASHED, 24, 120),
    run("slack_workspace_token", "xoxa-", DASHED, 24, 120),
    run("slack_refresh_token", "xoxr-", DASHED, 24, 200),
    run("slack_signin_token", "xoxs-", DASHED, 24, 160),
    run("slack_client_token", "xoxc-", DASHED, 24, 160),
    run("slack_cookie", "xoxd-", PERCENT64, 24, OPEN),
    run("slack_rotating_token", "xoxe.xox", DOTTED, 40, 300),
    run("slack_config_token", "xoxe-", DASHED, 40, 300),
    run("slack_app_token", "xapp-", DASHED, 40, 160),
    run("slack_workflow_token", "xwfp-", DASHED, 40, 200),
    parts(
        "sendgrid_key",
        "SG.",
        &[Part::Run(URL64, 20, 24), Part::Text("."), Part::Run(URL64, 39, 50)],
    ),
    fixed("twilio_key", "SK", HEX, 32),
    fixed("mailgun_key", "key-", HEX, 32),
    run("mailgun_public_key", "pubkey-", HEX, 32, 32),
    run("brevo_key", "xkeysib-", DASHED, 70, 90),
    run("brevo_smtp_key", "xsmtpsib-", DASHED, 70, 90),
    run("resend_key", "re_", WORD, 28, 40),
    run("mailchimp_transactional_key", "md-", URL64, 22, 22),
    run("mailersend_token", "mlsn.", HEX, 64, 64),
    run("courier_key", "pk_prod_", UPPER, 28, 28),
    run("beamer_token", "b_", URL64, 44, 44),
    run("frameio_token", "fio-u-", ANY64, 64, 64),
    run("intercom_token", "dG9rO", ANY64, 50, 80),
];
