-- Links that went out lead nowhere then.
DROP TABLE page_tokens;
