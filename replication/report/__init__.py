"""What is shown: tables, figures, pages; made from files, without torch."""
