//! Providers of models and the tools around them, and this gateway's own keys.

use super::super::checksum::Checksum::OfAll;
use super::super::class::{ALNUM, HEX, LOWER, URL64, WORD};
use super::{Format, OPEN, Part, checked, fixed, parts, run};

pub(super) const FORMATS: &[Format] = &[
    checked(
        parts("tollbar_key", "tb_live_", &[Part::Run(ALNUM, 8, 8), Part::Text("_"), OWN_SECRET]),
        OfAll,
    ),
    checked(
        parts("tollbar_admin", "tb_admin_", &[Part::Run(ALNUM, 8, 8), Part::Text("_"), OWN_SECRET]),
        OfAll,
    ),
    run("openai_project_key", "sk-proj-", URL64, 32, OPEN),
    run("openai_service_account_key", "sk-svcacct-", URL64, 32, OPEN),
    run("openai_admin_key", "sk-admin-", URL64, 32, OPEN),
    run("openai_service_key", "sk-service-", URL64, 32, OPEN),
    run("openai_session_key", "sess-", ALNUM, 40, 64),
    run("sk_key", "sk-", URL64, 20, OPEN),
    run("anthropic_api_key", "sk-ant-api03-", URL64, 60, OPEN),
    run("anthropic_admin_key", "sk-ant-admin01-", URL64, 60, OPEN),
    run("anthropic_oauth_token", "sk-ant-oat01-", URL64, 60, OPEN),
    run("anthropic_refresh_token", "sk-ant-ort01-", URL64, 60, OPEN),
    run("anthropic_session_key", "sk-ant-sid01-", URL64, 60, OPEN),
    run("anthropic_key", "sk-ant-", URL64, 24, OPEN),
    run("openrouter_key", "sk-or-v1-", HEX, 48, 64),
    run("langfuse_secret_key", "sk-lf-", URL64, 32, 40),
    run("groq_key", "gsk_", ALNUM, 48, 56),
    run("xai_key", "xai-", ALNUM, 64, 100),
    run("perplexity_key", "pplx-", ALNUM, 40, 64),
    run("huggingface_user_token", "hf_", ALNUM, 30, 48),
    run("huggingface_org_token", "api_org_", ALNUM, 30, 48),
    run("replicate_token", "r8_", ALNUM, 36, 40),
    run("fireworks_key", "fw_", ALNUM, 20, 48),
    run("cerebras_key", "csk-", LOWER, 40, 64),
    run("nvidia_key", "nvapi-", URL64, 60, 80),
    run("voyage_key", "pa-", URL64, 40, 48),
    run("jina_key", "jina_", URL64, 56, 72),
    run("tavily_key", "tvly-", URL64, 28, 64),
    run("langsmith_key", "lsv2_pt_", WORD, 40, 48),
    run("langsmith_service_key", "lsv2_sk_", WORD, 40, 48),
    run("langsmith_legacy_key", "ls__", HEX, 32, 32),
    run("weights_and_biases_key", "wandb_v1_", URL64, 40, 100),
    run("pinecone_key", "pcsk_", WORD, 60, 80),
    run("e2b_key", "e2b_", HEX, 40, 40),
    run("firecrawl_key", "fc-", HEX, 32, 32),
    run("llama_cloud_key", "llx-", ALNUM, 40, 64),
    run("helicone_key", "sk-helicone-", URL64, 24, 64),
    run("runpod_key", "rpa_", ALNUM, 40, 60),
    run("apify_token", "apify_api_", ALNUM, 34, 40),
    run("elevenlabs_key", "sk_", HEX, 48, 48),
    fixed("modal_token_id", "ak-", ALNUM, 22),
    fixed("modal_token_secret", "as-", ALNUM, 22),
];

const OWN_SECRET: Part = Part::Run(ALNUM, 43, 49);
