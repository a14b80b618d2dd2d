"""What every face (command line, web, GameDay) does with runs: run many, announce, find live runs, sum up."""
