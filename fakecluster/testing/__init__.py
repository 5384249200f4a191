"""What tests of single parts need: harnesses for engines and servers, and scripted libraries."""
