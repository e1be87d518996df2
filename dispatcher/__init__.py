"""The AI team's side of PACS Pull: takes deliveries from RabbitMQ and posts them to the algorithm back end."""
