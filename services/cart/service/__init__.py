"""The business story: what people do with carts, and how the projection of the catalogue is made anew."""
