CREATE TABLE products (
  product_id int unsigned PRIMARY KEY,
  title varchar(100) NOT NULL,
  price decimal(10,2),
  changed_at datetime(6) NOT NULL
);
INSERT INTO products VALUES
  (1, 'Größe M', 10.50, '2026-01-01 08:00:00.000001'),
  (2, 'Coat', NULL, '2026-01-02 09:30:00.500000'),
  (4000000000, 'Hat', 0.99, '2026-01-02 09:30:00.500000');
