"""What a person may ask of one service: to be forgotten (GDPR article 17) and to be told what it knows (15, 20)."""
