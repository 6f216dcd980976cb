"""What a browser loads: one page, its styles and its ES modules. No build step, no other host."""
