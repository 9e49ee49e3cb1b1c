DROP TABLE changes;
DROP TABLE feeds;
