"""What is posted and what is answered, where the library's own types do not serve as they are."""
