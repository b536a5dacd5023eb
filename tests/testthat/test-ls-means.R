# ls_means() against lmerTest.

test_that("means and differences are lmerTest's", {
  skip_if_not_installed("emmeans")
  for (name in c("cake", "Oats", "Machines")) {
    fits <- df_fits(name)
    for (pairwise in c(FALSE, TRUE)) {
      ours <- ls_means(fits$ours, pairwise = pairwise)
      theirs <- lmerTest::ls_means(fits$theirs, pairwise = pairwise)
      expect_equal(row.names(ours), row.names(theirs))
      expect_equal(as.matrix(ours), as.matrix(theirs), tolerance = 1e-4, ignore_attr = TRUE)
      expect_equal(names(show_tests(ours)), names(lmerTest::show_tests(theirs)))
    }
    expect_output(print(ours), "Degrees of freedom method: Satterthwaite")
  }
  expect_equal(ls_means(fits$theirs), lmerTest::ls_means(fits$theirs))
  expect_equal(lmerTest::ls_means(fits$ours), ls_means(fits$ours))
})

test_that("numeric variables stand at their means, and terms can be chosen", {
  skip_if_not_installed("emmeans")
  fit <- rlmm(Weight ~ Cu * Time + Evit + (Time | Pig), dietox)
  table <- ls_means(fit, "Cu", ddf = "Kenward-Roger")
  at <- expand.grid(Cu = levels(dietox$Cu), Evit = levels(dietox$Evit), Time = mean(dietox$Time))
  means <- tapply(predict(fit, at, re.form = NA), at$Cu, mean)
  expect_equal(table$Estimate, as.vector(means))
  expect_equal(row.names(table), paste0("Cu", levels(dietox$Cu)))
  expect_rlmm_error(ls_means(fit, "Time"), "bad_argument", "'Time'", "'Cu'")
  expect_rlmm_error(ls_means(our_fit("slope")), "bad_argument", "no term of factors")
  constant <- rlmm(Reaction ~ 1 + (1 | Subject), sleepstudy)
  expect_rlmm_error(ls_means(constant), "bad_argument", "no term of factors")
})

test_that("means of empty cells are NA", {
  skip_if_not_installed("emmeans")
  d <- droplevels(subset(dietox, !(Cu == "Cu035" & Evit == "Evit100")))
  fit <- suppressMessages(rlmm(Weight ~ Cu * Evit + (1 | Pig), d))
  expect_warning(table <- ls_means(fit), "'CuCu035'", class = "rlmm_not_estimable")
  expect_equal(row.names(table)[is.na(table$Estimate)],
    c("CuCu035", "EvitEvit100", "CuCu035:EvitEvit100"))
})

test_that("emmeans has df at any number of rows", {
  skip_if_not_installed("emmeans")
  set.seed(1)
  d <- data.frame(g = gl(100, 40), f = factor(sample(3, 4000, TRUE)))
  d$y <- stats::rnorm(100)[d$g] + stats::rnorm(4000)
  fit <- rlmm(y ~ f + (1 | g), d)
  expect_message(means <- as.data.frame(emmeans::emmeans(fit, "f")), NA)
  # its default is the method of Kenward and Roger
  ours <- ls_means(fit, "f", ddf = "Kenward-Roger")
  expect_true(all(is.finite(means$df) & means$df < 4000))
  expect_equal(means$df, ours$df, tolerance = 1e-8)
  expect_equal(means$SE, ours[["Std. Error"]], tolerance = 1e-8)
})

test_that("factors made in the formula have means where emmeans sees through it", {
  skip_if_not_installed("emmeans")
  d <- transform(rlmm::dietox, k = as.integer(factor(Cu)))
  made <- rlmm(Weight ~ factor(k) + Time + (1 | Pig), d)
  plain <- rlmm(Weight ~ k + Time + (1 | Pig), transform(d, k = factor(k)))
  expect_equal(as.matrix(ls_means(made)), as.matrix(ls_means(plain)), ignore_attr = TRUE)
  cut_up <- rlmm(Weight ~ (Time > 6) + (1 | Pig), d)
  expect_rlmm_error(ls_means(cut_up), "bad_argument", "column of the data")
})
