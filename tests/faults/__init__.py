"""The product under fault: scripted trainers, a checker of the system rules, cases, a random walk."""
