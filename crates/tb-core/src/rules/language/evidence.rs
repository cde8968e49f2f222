//! Common words and telling letters of languages that share a script with others.
//!
//! Written down from general knowledge of the languages: function words and the words with which
//! people ask a support bot, folded as messages are.

/// What speaks for one language.
pub(super) struct Evidence {
    /// ISO 639-1.
    pub(super) code: &'static str,
    /// Words, with blanks between.
    pub(super) words: &'static str,
    /// Letters.
    pub(super) letters: &'static str,
}

const fn row(code: &'static str, words: &'static str, letters: &'static str) -> Evidence {
    Evidence { code, words, letters }
}

/// One row a language.
pub(super) const EVIDENCE: [Evidence; 27] = [
    row(
        "en",
        "the a an and or but if of to in on at by for from with about is are was were be been \
         am i you he she it we they my your his her our their this that these those what when \
         where who why how which do does did can could will would should have has had not don \
         there please any much many order help me tell",
        "",
    ),
    row(
        "de",
        "der die das ein eine einen einem einer und oder aber nicht ist sind war ich du er sie \
         wir ihr mein meine meinen meiner dein ihre ihren mir mich dich uns wie was wann wo wer \
         warum welche kann können habe hat habt haben wird werden zu zum zur von vom mit auf für \
         im bei nach auch noch schon bitte es an in den dem wenn gibt kein keine dir \
         geht heute danke hallo",
        "äöüß",
    ),
    row(
        "fr",
        "le la les un une des du de et ou mais ne pas est sont était je tu il elle nous vous ils \
         mon ma mes votre vos notre ce cette ces que qui quoi quand où comment pourquoi quel \
         quelle quels quelles puis peut pouvez avoir ai avez ont dans sur avec pour par au aux \
         plus très bonjour merci depuis se en y qu",
        "àâçèéêëîïôœùû",
    ),
    row(
        "es",
        "el la los las un una unos y o pero no es son está esta están era yo tú usted ustedes mi \
         mis su sus me te se lo le que qué quién cuándo cuando cómo como dónde donde cuál cual \
         cuáles por para con sin de del en al a muy más puedo puede tiene tengo ha he hay hola \
         gracias todavia ya",
        "áéíñóú¿¡",
    ),
    row(
        "it",
        "il lo la i gli le un uno una e o ma non è sono era io tu lei noi voi mio mia miei mie \
         vostro vostri vostra mi ti si ci che chi cosa quando dove come perché quale quali posso \
         può avete ho ha hanno di del della dei delle da dal in nel nella su sul con per anche \
         ancora più grazie ciao buongiorno",
        "àèìòù",
    ),
    row(
        "pt",
        "o a os as um uma e ou mas não nao é são está estão foi eu você vocês nós meu minha meus \
         minhas seu sua me te se que quem quando onde como qual quais por para com sem de do da \
         dos das em no na nos nas ao mais muito posso pode tem tenho olá obrigado obrigada ainda \
         já isso",
        "áâãçéêíóôõú",
    ),
    row(
        "nl",
        "de het een en of maar niet is zijn was ik jij je u hij zij ze wij we jullie mijn jouw \
         uw ons onze me wat wanneer waar wie waarom hoe welke kan kunnen kunt heb heeft hebben \
         wordt worden te van voor met op aan bij naar uit ook nog al graag dit dat die er geen",
        "",
    ),
    row(
        "sv",
        "och att det en ett är jag du han hon vi ni de min mitt mina din ditt er era vad när var \
         vem varför hur vilken vilka kan har hade inte som på för med av till från om så men \
         eller finns ska vill få tack hej",
        "äåö",
    ),
    row(
        "da",
        "og at det en et er jeg du han hun vi i de min mit mine din dit jeres vores hvad hvornår \
         hvor hvem hvorfor hvordan hvilken hvilke kan har havde ikke som på for med af til fra \
         om så men eller findes skal vil få tak hej",
        "æøå",
    ),
    row(
        "no",
        "og at det en et er jeg du han hun vi dere de min mitt mine din ditt deres vår hva når \
         hvor hvem hvorfor hvordan hvilken hvilke kan har hadde ikke som på for med av til fra \
         om så men eller finnes skal vil få takk hei",
        "æøå",
    ),
    row(
        "pl",
        "i w na z do nie jest są był się to że jak co kiedy gdzie kto dlaczego jaki jaka jakie \
         który która które mój moja moje mojej pan pani czy mam ma mogę może można dla od po za \
         przez przy tak ale lub już jeszcze proszę dziękuję dzień",
        "ąćęłńóśźż",
    ),
    row(
        "cs",
        "a v na z s do ne je jsou byl se to že jak co kdy kde kdo proč jaký jaká jaké který \
         která můj moje mám má mohu může lze pro od po za při tak ale nebo už ještě prosím \
         děkuji dobrý den vy váš vaše",
        "áčďéěíňóřšťúůýž",
    ),
    row(
        "tr",
        "ve bir bu şu o ne nedir nasıl nerede zaman kim neden niçin hangi kaç için ile mi mı \
         mu mü ben sen siz biz benim sizin değil var yok çok daha ama veya gibi kadar lütfen \
         teşekkürler merhaba olan olarak",
        "çğışöü",
    ),
    row(
        "fi",
        "ja ei on ovat oli minä sinä hän me te he minun sinun teidän meidän mikä mitkä mitä \
         milloin missä kuka miksi miten kuinka voi voin voiko onko että se tämä kun jos mutta \
         tai myös vielä kiitos hei ole",
        "äö",
    ),
    row(
        "hu",
        "a az egy és vagy de nem van vannak volt én te ő mi ti ők hogy mit mikor hol ki miért \
         hogyan melyik lehet tudok kell ha is csak már még köszönöm kérem meg el ez",
        "áéíóöőúüű",
    ),
    row(
        "ro",
        "și si sau dar nu este sunt era eu tu el ea noi voi un o al ai ale mea meu mei mele la de \
         din cu pe pentru în ce cine când unde cum care cât pot poate am are au mai foarte vă \
         rog mulțumesc bună",
        "ăâîșțşţ",
    ),
    row(
        "id",
        "yang dan di ke dari ini itu apa siapa kapan mana bagaimana mengapa berapa saya anda kamu \
         kami kita dia tidak bukan ada adalah untuk dengan pada bisa dapat sudah belum akan atau \
         juga tolong terima kasih",
        "",
    ),
    row(
        "vi",
        "của và là có không tôi bạn cho với được các một này khi nào ở đâu gì ai sao thế bao \
         nhiêu như trong đến đã sẽ xin cảm ơn vui lòng mấy giờ",
        "ăâđêôơưạảấầẩẫậắằẳẵặẹẻẽếềểễệỉịọỏốồổỗộớờởỡợụủứừửữựỳỵỷỹ",
    ),
    row(
        "ru",
        "и в на не что это как я вы мы он она они мой моя моё мои ваш у вас нас где когда кто \
         почему какой какая какие можно мне есть по за от до из с к для но или если уже ещё еще \
         пожалуйста спасибо здравствуйте",
        "ёыэ",
    ),
    row(
        "uk",
        "і й та в у на не що це як я ви ми він вона вони мій моя моє мої ваш вас де коли хто чому \
         який яка які можна мені є по за від до із з для але або якщо вже ще будь ласка дякую",
        "іїєґ",
    ),
    row(
        "bg",
        "и в на не че това как аз вие ние той тя те мой моя моята моето ви ни къде кога кой защо \
         какъв каква какво какви може мога е са съм по за от до с със към но или ако вече още моля \
         благодаря се да",
        "ъ",
    ),
    row(
        "sr",
        "и у на не да је су сам што шта како ја ви ми он она они мој моја моје ваш где када ко \
         зашто који која које могу може по за од до из с са али или ако већ још молим хвала се",
        "ђјљњћџ",
    ),
    row(
        "ar",
        "في من على إلى عن ما هي هو هل أين متى كيف لماذا كم أنا أنت نحن هذا هذه التي الذي أن لا \
         لم مع كان يمكن أو و شكرا مرحبا",
        "ةىأإؤئ",
    ),
    row(
        "fa",
        "در از به با را که این آن است هست نیست چه چیست کجا کی چگونه چرا من شما ما برای یک و تا \
         می هم سلام ممنون لطفا",
        "پچژگ",
    ),
    row(
        "ur",
        "میں ہے ہیں کا کی کے کو سے پر نے اور یہ وہ کیا کب کہاں کیوں کیسے آپ میرا میری مجھے ہم \
         نہیں ہو تھا شکریہ",
        "ٹڈڑںےہ",
    ),
    row(
        "hi",
        "है हैं का के की में और से को पर यह वह क्या कब कहाँ कहां क्यों कैसे कौन मैं मेरा मेरी मेरे आप \
         आपका आपके नहीं था कर सकते कृपया धन्यवाद",
        "",
    ),
    row(
        "mr",
        "आहे आहेत आणि ची चा चे ला मध्ये हे ते काय कधी कुठे का कसे कोण मी माझा माझी माझे तुम्ही \
         तुमचा तुमची नाही होते करू कृपया धन्यवाद",
        "ळ",
    ),
];
