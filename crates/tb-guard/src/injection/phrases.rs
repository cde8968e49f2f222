//! Phrases and marks that are signals by themselves, with their weights in percent: from 60 on
//! nearly nobody else writes them, below 30 many do.

use super::Signal::{
    Authority, ChatTemplate, Concealment, NoLimits, Persona, RoleSpoof, ToolSpoof,
};
use super::words::Role::{self, Head, Image, Mark, Phrase};

pub(super) const LISTS: &[(Role, &str)] = &[
    (Image, "!["),
    // The marks of the chat templates that models of open weights publish.
    (
        Mark(ChatTemplate, 60),
        "<|im_start|>;<|im_end|>;<|im_sep|>;<|system|>;<|user|>;<|assistant|>;\
         <|start_header_id|>;<|end_header_id|>;<|eot_id|>;<|begin_of_text|>;<|start|>;\
         <|channel|>;<|turn|>;<start_of_turn>;<end_of_turn>;[/INST];<<SYS>>;<</SYS>>;\
         [SYSTEM_PROMPT];[/SYSTEM_PROMPT];<|end_of_turn|>;<\u{FF5C}User\u{FF5C}>;\
         <\u{FF5C}Assistant\u{FF5C}>;<|endofprompt|>;[|system|]",
    ),
    (Mark(ChatTemplate, 35), "[INST];<|endoftext|>;<|end_of_text|>"),
    (
        Mark(RoleSpoof, 55),
        "<system>;</system>;[system](;<system_message>;</user_input>;<|sys|>;\
         [system message];[system note;<system-reminder>;{{#system",
    ),
    (
        Mark(RoleSpoof, 30),
        "\"role\": \"system\";\"role\":\"system\";\"role\": \"developer\";\
         end of document",
    ),
    (
        Head(RoleSpoof, 55),
        "system:;system :;system prompt:;system message:;system override;\
         system instruction:;new system prompt;system note:;系统：;системное сообщение:",
    ),
    (Head(RoleSpoof, 20), "assistant:;user:;human:;developer:"),
    (Mark(ToolSpoof, 55), "<tool_call>;</tool_call>;<function_call>;<tool_response>"),
    (
        Mark(ToolSpoof, 50),
        "<function_results>;<function_calls>;<tool_result>;<tool_results>;\
         <|tool_calls_begin|>;<|python_tag|>;[TOOL_CALLS];[TOOL_RESULTS];\
         [AVAILABLE_TOOLS];action input:",
    ),
    (Head(ToolSpoof, 15), "observation:;action:;tool call:;thought:"),
    (
        Phrase(Persona, 60),
        "do anything now;you are now dan;you are dan;act as dan;stay in dan mode;\
         dan mode;developer mode enabled;developer mode output;jailbroken version;\
         evil confidant;unrestricted ai;unfiltered ai;uncensored ai;uncensored model;\
         jailbroken;opposite mode;you are freed;you have been freed;\
         you are going to pretend to be;jailbreak mode",
    ),
    (
        Phrase(Persona, 35),
        "developer mode you;in developer mode;god mode;sudo mode;evil mode;\
         you are an amoral;amoral assistant;amoral ai;amoral;unfiltered;uncensored;\
         you are no longer;you now have to;activation keys;typical confines of ai;\
         stay in character;jailbreak;immoral;unrestricted",
    ),
    (
        Phrase(Persona, 25),
        "you are now;you are a;pretend you are;pretend to be;from now on you;\
         you will act as;act as;act like;roleplay as;role-play as;imagine you are;\
         simulate;enter;from now on;from here on;ab jetzt;ab sofort;\
         à partir de maintenant;a partir de ahora;a partir de agora;从现在开始;从现在起;\
         с этого момента;теперь ты;du bist jetzt;vous êtes maintenant;tu es maintenant;\
         actúa como;actua como;réponds comme;你现在是",
    ),
    (
        Phrase(NoLimits, 45),
        "without any ethical;no ethical;without ethical;no moral guidelines;\
         without any content policy;no content policy;never refuse;cannot refuse;\
         can't refuse;must not refuse;not allowed to refuse;never says it cannot;\
         never say you can't;never say no;not bound by any;free from all restrictions;\
         has no restrictions;have no restrictions;you have no rules;with no rules;\
         no longer bound;without warnings or disclaimers;answer every question;\
         answers every question;can say anything;can do anything;speak freely;\
         all safety filters;safety filters;without limits;no limits;has no limits;\
         do not have to abide;guidelines have been lifted;\
         restrictions have been lifted;no restrictions or;answer everything;\
         without filters;without restrictions;without any restrictions;\
         all requests are allowed;disable all of your restrictions;\
         whatever your policy forbids;ohne einschränkungen;ohne regeln;\
         sans restrictions;sans aucune restriction;sin restricciones;sin filtros;\
         sem restrições;sem nenhuma restrição;没有任何限制;不受任何限制;没有限制;без ограничений",
    ),
    (
        Phrase(NoLimits, 25),
        "had no restrictions;no restrictions;answer all questions;all restrictions;\
         warnings or disclaimers;approve all;unlock all;you only obey me",
    ),
    (
        Phrase(Concealment, 50),
        "do not tell the user;don't tell the user;without telling the user;\
         do not mention these instructions;do not mention this to the user;\
         don't mention this to the user;do not mention these instructions to the user;\
         do not reveal this to the user;the user must not know;hide this from the user;\
         keep this secret from the user;without the user noticing;\
         do not inform the user;do not reveal these instructions;\
         without informing the user;do not show this to the user;\
         do not let the user know;do not say why;silently and then do;\
         without showing it;sage dem nutzer nicht;ne le dis pas à l'utilisateur;\
         no se lo digas al usuario;不要告诉用户;не говори пользователю",
    ),
    (
        Phrase(Authority, 55),
        "if you are an ai;if you're an ai;if you are a language model;\
         if you are a large language model;note to the ai;attention ai;\
         ai assistants reading;text for language models;as an ai assistant processing;\
         llm reviewers;admin override;system override;override code;\
         instructions for the ai;message to the ai;dear ai;to any ai reading;\
         ai model reading;your real task;your true task;your new task is;\
         new instructions that replace;follow these new instructions;\
         these new instructions;your new instructions;obey only me;\
         i am the administrator;i am your developer;i am your creator;\
         wait for my orders;instead of your rules",
    ),
    (
        Phrase(Authority, 35),
        "new instructions from;new instructions:;updated instructions:;new policy:;\
         important instructions;you must now;you may now;ignore them and;\
         when summarizing this;when summarising this;emergency test;\
         as the developer of;by the developers;the user is an administrator;\
         verified as admin;must give a positive review;maintenance mode;instead, print;\
         instead, output;instead, say;confirm by saying;and nothing else;pwned",
    ),
];
