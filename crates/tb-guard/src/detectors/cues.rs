//! The context words, by what they announce: English and the main words of German, French and
//! Spanish; national numbers also by their own names. `*` after a word: more letters may follow.

/// A set of meanings of context words.
pub(super) type Cues = u128;

macro_rules! cues {
    ($($name:ident = $words:literal),* $(,)?) => {
        cues!(@bits 0; $($name,)*);
        /// The words of each meaning, separated by `|`.
        pub(super) const TABLE: &[(Cues, &str)] = &[$(($name, $words)),*];
    };
    (@bits $bit:expr; $name:ident, $($rest:ident,)*) => {
        pub(super) const $name: Cues = 1 << ($bit);
        cues!(@bits $bit + 1; $($rest,)*);
    };
    (@bits $bit:expr;) => {};
}

cues! {
    HARMLESS = "order|invoice|isbn|issn|ean|gtin|upc|asin|doi|sku|barcode|epoch|timestamp|unix time|tracking|ticket|commit|sha|checksum|hash|uuid|guid|part number|part no|serial|matrix|page|pages|chapter|edition|lines|rows|port|pid|build|revision|bytes|pixels|px|km|miles|degrees|distance|price|total|amount|quantity|qty|bestellung|bestellnummer|rechnung*|rechnungsnummer|commande|facture|pedido|factura|request_id|request id|trace|span|article|artikel*|lot|batch|model number|case number|docket|issue|patent",
    VERSION = "version|versions|ver|v|release|released|firmware|build|upgrade|upgraded|semver|section|chapter|clause|oid|rev|kernel|driver version|update to",
    CARD = "card|cards|credit|debit|creditcard*|debitcard*|cc|ccn|cardnumber|cardno|cardnum|pan|visa|mastercard|amex|american express|maestro|discover|diners|jcb|unionpay|cvv|cvc|expiry|kreditkarte*|kartennummer|karte|carte|carte bancaire|tarjeta|cb",
    SSN = "ssn|ssns|social security|social sec|soc sec|social|socialsecurity*|ss#|ss no|ss number|seguro social|tax id|taxpayer",
    ITIN = "itin|individual taxpayer|taxpayer|tax id|tin",
    PASSPORT = "passport|passports|passportnumber|passportno|reisepass*|passnummer|passeport|pasaporte",
    ACCOUNT = "account|accounts|acct|a/c|accountnumber|accountno|checking|savings|bank|banking|direct deposit|wire|deposit|konto|kontonummer|bankverbindung|compte|cuenta",
    ROUTING = "routing|routingnumber|aba|rtn|transit number|ach|aba/rtn",
    LICENCE = "driver license|drivers license|driver's license|driver’s license|driver licence|drivers licence|driver's licence|driving licence|driving license|driver_license*|drivers_license*|driverlicense*|driverslicense*|license number|licence number|license no|licence no|license #|dl|dln|dl#|dlno|d.l.|führerschein*|fuehrerschein*|permis de conduire|permis|licencia de conducir|carnet de conducir",
    NHS = "nhs|nhsnumber|nhs_number|national health service",
    NINO = "nino|ni number|ni no|national insurance|nationalinsurance*",
    AADHAAR = "aadhaar|aadhar|adhaar|adhar|uidai|uid|aadhaarnumber",
    PHONE = "phone|phones|phonenumber|telephone|tel|tel.|telefon|telefonnummer|telefono|teléfono|téléphone|telefax|mobile|mobil|mobilnummer|móvil|movil|celular|cell|cellphone|handy|handynummer|portable|call|call me|call me on|called|calling|dial|text me|sms|whatsapp|fax|desk|landline|rufnummer|hotline|contact number|contact no|reach me|reach us|reachable|reach him|reach her|answering|answer at|answering at|ring me|ring|appelez|appeler|llámame|llamar|anrufen|msisdn|extension|pager|voicemail|home|office phone|work phone",
    IP = "ip|ips|ipv4|ipv6|address|addresses|host|hosts|server|client|remote|from|gateway|dns|ssh|ping|nameserver|login|peer|endpoint|x-forwarded-for",
    BIRTH = "dob|d.o.b|d.o.b.|date of birth|dateofbirth|date_of_birth|birth|birthdate|birthday|birth_date|born|born on|born in|geboren|geb.|geb|geburtsdatum|geburtstag|naissance|née|né|née le|né le|ne le|nacimiento|nacido|nacida|nació|fecha de nac",
    RECORD = "mrn|medical record|medical record number|medicalrecord*|medical_record*|medical rec|health record|patient id|patient no|patient number|patient #|patientid|patient_id|patientnumber|chart number|chart no|chart #|hospital number|hospital no|krankenakte|patientennummer|patientenakte|dossier médical|dossier medical|numéro de patient|historia clínica|historia clinica|número de paciente",
    HEALTH = "insurance|member id|medicare|medicaid|health",
    ZIP = "zip|zipcode|zip code|zip_code|postcode|postal|postal code|postalcode|postal_code|plz|postleitzahl|code postal|código postal|codigo postal|pincode|pin code",
    STREET = "street|st|st.|avenue|ave|ave.|road|rd|rd.|lane|boulevard|blvd|drive|court|suite|apt|apartment|p.o. box|po box|address|strasse|straße|rue|calle|plaza|via|city|state|ship to|deliver to|lives at|living at|live at|reside|resides",
    CRYPTO = "btc|bitcoin|eth|ethereum|ltc|litecoin|doge|dogecoin|xrp|ripple|tron|trx|usdt|solana|sol|monero|xmr|cardano|zcash|dash|wallet|crypto|blockchain|address",
    CA_SIN = "sin|sins|social insurance|insurance number|numéro d'assurance sociale|assurance sociale|nas",
    AU_TFN = "tfn|tax file",
    AU_ABN = "abn|australian business|acn",
    AU_MEDICARE = "medicare",
    BR_CPF = "cpf|cadastro de pessoas",
    BR_CNPJ = "cnpj",
    DE_TAX_ID = "steuer-id|steuerid|steuer id|steueridentifikationsnummer|steuerliche identifikationsnummer|steuernummer|steuer-identifikationsnummer|idnr|identifikationsnummer|tax id|tax number|tin|german tax",
    FR_NIR = "nir|insee|sécurité sociale|securite sociale|numéro de sécu|secu|sécu|social security",
    ES_NIF = "nif|dni|nie|documento nacional|identidad|spanish id|cif",
    IT_FISCAL = "codice fiscale|codicefiscale|fiscal code|cf|c.f.",
    NL_BSN = "bsn|burgerservicenummer|sofinummer|sofi|citizen service number",
    PL_PESEL = "pesel",
    SE_PERSONNUMMER = "personnummer|personal number|samordningsnummer|swedish|pnr",
    FI_HETU = "hetu|henkilötunnus|henkilotunnus|personal identity code|finnish",
    NO_FNR = "fødselsnummer|fodselsnummer|fnr|norwegian|d-nummer|personnummer",
    DK_CPR = "cpr|cpr-nummer|cprnr|personnummer|danish",
    PT_NIF = "nif|contribuinte|número de contribuinte|portuguese tax|nipc",
    BE_NN = "rijksregisternummer|rijksregister|national number|registre national|insz|niss|numéro national|belgian",
    CH_AHV = "ahv|avs|oasi|ahv-nummer|ahvn13|sozialversicherungsnummer|swiss",
    AT_SVNR = "svnr|sv-nr|sv-nummer|sozialversicherung|sozialversicherungsnummer|versicherungsnummer|austrian",
    IN_PAN = "pan|permanent account|income tax|pancard",
    SG_NRIC = "nric|fin|singapore",
    KR_RRN = "rrn|resident registration|jumin|주민등록번호|korean",
    JP_MY_NUMBER = "my number|mynumber|my_number|individual number|マイナンバー|個人番号",
    CN_ID = "身份证|身份证号|resident id|resident identity|id card|chinese id|identity card",
    TW_ID = "身分證|身份證|taiwan|national id|nid",
    ZA_ID = "south african|rsa id|id number|sa id|identity number|identity no",
    MX_CURP = "curp|clave única",
    AR_CUIT = "cuit|cuil",
    CL_RUT = "rut|run",
    IL_ID = "teudat zehut|teudat|israeli|תעודת זהות|ת.ז|id number|identity number",
    TR_TCKN = "tckn|tc kimlik|t.c. kimlik|kimlik|tc no|turkish",
    US_NPI = "npi|national provider|provider identifier|provider id",
    RO_CNP = "cnp|cod numeric personal|romanian",
    BG_EGN = "egn|егн|bulgarian",
    CZ_BIRTH = "rodné číslo|rodne cislo|rodné cislo|rč|birth number|czech|slovak",
    IE_PPS = "pps|ppsn|pps number|personal public service",
    EE_CODE = "isikukood|asmens kodas|personal code|estonian|lithuanian",
    HR_OIB = "oib|croatian",
    TH_ID = "thai|thai id|เลขประจำตัวประชาชน|citizen id|national id",
    RU_SNILS = "snils|снилс",
    NZ_IRD = "ird|inland revenue",
    EC_CEDULA = "cédula|cedula",
    LU_ID = "matricule|luxembourg",
    GR_AMKA = "amka|αμκα",
}
