"""How Go turns values into text: the packages fmt and strconv, for the values a template can hold."""
