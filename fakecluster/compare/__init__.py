"""Two traces of one scenario side by side: what was done alike, and what was not."""
