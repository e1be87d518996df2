"""The whole system at work on one machine: a demo PACS with a day's studies, RabbitMQ, the gateway, a consumer."""
