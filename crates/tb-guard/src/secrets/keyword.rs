//! Words that announce a secret.

/// What a word announces.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Keyword {
    /// A password: any value that is not a placeholder.
    Password,
    /// The same, by a short word that is often part of others.
    ShortPassword,
    /// A secret, token or key: a value that looks random.
    Secret,
    /// `key` alone: a value that looks very random.
    Key,
    /// `Authorization`.
    Authorization,
    /// `Bearer` alone.
    Bearer,
    /// `Basic` alone.
    Basic,
    /// A user's name and password follow.
    Credentials,
    /// A PEM block begins.
    Pem,
    /// A PuTTY file begins.
    Putty,
    /// A JSON web token begins.
    Jwt,
    /// The `://` of a URL.
    Url,
}

/// All of them, in lower case.
pub(super) const KEYWORDS: &[(&str, Keyword)] = &[
    ("password", Keyword::Password),
    ("passwd", Keyword::Password),
    ("passwrd", Keyword::Password),
    ("passwort", Keyword::Password),
    ("kennwort", Keyword::Password),
    ("passphrase", Keyword::Password),
    ("passcode", Keyword::Password),
    ("pass word", Keyword::Password),
    ("mot de passe", Keyword::Password),
    ("motdepasse", Keyword::Password),
    ("contraseña", Keyword::Password),
    ("contrasena", Keyword::Password),
    ("contrasenya", Keyword::Password),
    ("palabra clave", Keyword::Password),
    ("senha", Keyword::Password),
    ("palavra-passe", Keyword::Password),
    ("wachtwoord", Keyword::Password),
    ("lösenord", Keyword::Password),
    ("hasło", Keyword::Password),
    ("пароль", Keyword::Password),
    ("密码", Keyword::Password),
    ("パスワード", Keyword::Password),
    ("identified by", Keyword::Password),
    ("pwd", Keyword::ShortPassword),
    ("pswd", Keyword::ShortPassword),
    ("psw", Keyword::ShortPassword),
    ("pass", Keyword::ShortPassword),
    ("pw", Keyword::ShortPassword),
    ("mdp", Keyword::ShortPassword),
    ("clave", Keyword::ShortPassword),
    ("secret", Keyword::Secret),
    ("token", Keyword::Secret),
    ("api key", Keyword::Secret),
    ("api_key", Keyword::Secret),
    ("api-key", Keyword::Secret),
    ("apikey", Keyword::Secret),
    ("access_key", Keyword::Secret),
    ("access-key", Keyword::Secret),
    ("access key", Keyword::Secret),
    ("accesskey", Keyword::Secret),
    ("account_key", Keyword::Secret),
    ("auth_key", Keyword::Secret),
    ("authkey", Keyword::Secret),
    ("private_key", Keyword::Secret),
    ("privatekey", Keyword::Secret),
    ("private key", Keyword::Secret),
    ("signing_key", Keyword::Secret),
    ("signing key", Keyword::Secret),
    ("encryption_key", Keyword::Secret),
    ("encryption key", Keyword::Secret),
    ("encryptionkey", Keyword::Secret),
    ("master_key", Keyword::Secret),
    ("masterkey", Keyword::Secret),
    ("credential", Keyword::Secret),
    ("session_id", Keyword::Secret),
    ("sessionid", Keyword::Secret),
    ("connect.sid", Keyword::Secret),
    ("cookie", Keyword::Secret),
    ("key", Keyword::Key),
    ("authorization", Keyword::Authorization),
    ("bearer", Keyword::Bearer),
    ("basic", Keyword::Basic),
    ("credentials", Keyword::Credentials),
    ("creds", Keyword::Credentials),
    ("log in", Keyword::Credentials),
    ("login", Keyword::Credentials),
    ("zugangsdaten", Keyword::Credentials),
    ("identifiants", Keyword::Credentials),
    ("credenciales", Keyword::Credentials),
    ("begin ", Keyword::Pem),
    ("putty-user-key-file-", Keyword::Putty),
    ("eyj", Keyword::Jwt),
    ("ewog", Keyword::Jwt),
    ("://", Keyword::Url),
];
