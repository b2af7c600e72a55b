"""The calls user makes: auth and order over HTTP, Amazon SES for mails."""
