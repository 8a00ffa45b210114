"""What things are: records as sources speak of them, money, instants. Imports nothing else of ours."""
