"""From a goal to a page: planners write the steps, the illustrator draws them, the page writer prints them."""
