"""What a change cost: the released code and this tree's, measured in turns on the same machine."""
