error "thrown on purpose"
